import { connect, type Socket } from 'node:net'
import type { Connection } from '../../scripts/postgres/connection.js'
import { ready } from './backend-messages.js'
import { FrameReader } from './frames.js'
import { received } from './line.js'
import { type Listener, listen } from './listener.js'
import type { Place } from './relay.js'
import { message } from './wire.js'

/** A pooler in front of a real server: lends its few connections by session or by transaction. */
export interface Pooler {
  readonly connection: Connection
  close(): Promise<void>
}

/** The pooler's own answer to a startup message: AuthenticationOk, a cancel key, ReadyForQuery. */
const GREETING = Buffer.concat([
  message('R', Buffer.alloc(4)),
  message('K', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1])),
  ready('I'),
])

const startup = ({ user, database }: Connection): Buffer =>
  message('?', `\0\x03\0\0user\0${user}\0database\0${database}\0\0`).subarray(1)

/** A client to which a connection is lent. */
interface Borrower {
  write(bytes: Buffer): void
  /** The transaction is over. */
  idle(): void
}

/** One connection to the server, lent to one client at a time. */
class Lent {
  readonly socket: Socket
  readonly ready: Promise<void>
  borrower: Borrower | undefined

  constructor(socket: Socket, connection: Connection) {
    this.socket = socket
    socket.write(startup(connection))
    const reader = new FrameReader('server')
    let isReady = false
    this.ready = new Promise((resolve) => {
      socket.on('data', (bytes: Buffer) => {
        for (const { type, body, bytes: answer } of reader.take(bytes)) {
          if (isReady) this.borrower?.write(answer)
          if (isReady && type === 'Z' && body.toString() === 'I') this.borrower?.idle()
          if (type !== 'Z') continue
          isReady = true
          resolve()
        }
      })
    })
  }
}

/**
 * @param size limit of the pooler's connections; a client that finds none waits
 * @param lends `last`: the connection that a client gave back last, as PgBouncer does; `first`: all connections in turn,
 * made at the start
 */
export const startPooler = async (
  { connection }: Place,
  mode: 'session' | 'transaction',
  size: number,
  lends: 'last' | 'first' = 'last',
): Promise<Pooler> => {
  const all: Lent[] = []
  const idle: Lent[] = []
  const waiting: (() => void)[] = []
  const make = async (listener: Listener): Promise<Lent> => {
    const { host, port } = connection
    const made = new Lent(listener.adopt(connect({ host, port })), connection)
    all.push(made)
    await made.ready
    return made
  }
  const take = async (listener: Listener): Promise<Lent> => {
    for (;;) {
      const free = lends === 'last' ? idle.pop() : idle.shift()
      if (free !== undefined) return free
      if (all.length < size) return make(listener)
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  const serve = async (client: Socket, _: number, listener: Listener): Promise<void> => {
    const reader = new FrameReader('client')
    let lent: Lent | undefined
    const giveBack = (): void => {
      if (lent === undefined) return
      lent.borrower = undefined
      idle.push(lent)
      lent = undefined
      waiting.shift()?.()
    }
    const borrower: Borrower = {
      write: (bytes) => client.write(bytes),
      idle: () => mode === 'transaction' && giveBack(),
    }
    for await (const bytes of received(client)) {
      for (const frame of reader.take(bytes)) {
        if (frame.type === 'startup') client.write(GREETING)
        else if (frame.type === 'cancel') client.end()
        else if (frame.type === 'X') giveBack()
        else {
          lent ??= await take(listener)
          lent.borrower = borrower
          lent.socket.write(frame.bytes)
        }
      }
    }
    giveBack()
  }
  const listener = await listen(serve)
  if (lends === 'first') idle.push(...(await Promise.all(Array.from({ length: size }, () => make(listener)))))
  return {
    connection: { ...connection, host: '127.0.0.1', port: listener.port },
    close: () => listener.close(),
  }
}
