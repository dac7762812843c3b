import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Connection } from '../../scripts/postgres/connection.js'
import type { Server } from '../../scripts/postgres/server.js'
import { makeFraming } from './proxy.js'

/** A pooler before a real server: lends its few connections by session or by transaction. */
export interface Pooler {
  readonly connection: Connection
  close(): Promise<void>
}

const READY = 0x5a
const TERMINATE = 0x58

const message = (type: string, payload: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(payload.length + 4)
  return Buffer.concat([Buffer.from(type), length, payload])
}

/** What a pooler says for itself: let in, a cancel key of its own, ready. */
const GREETING = Buffer.concat([
  message('R', Buffer.alloc(4)),
  message('K', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1])),
  message('Z', Buffer.from('I')),
])

/** One connection to the server, lent to one client at a time. */
class Lent {
  readonly socket: Socket
  readonly ready: Promise<void>
  #frame = makeFraming()
  #client: { write(bytes: Buffer): void; idle(): void } | undefined
  #isReady = false

  constructor(server: Server) {
    const { host, port, user, database } = server.connection
    this.socket = connect({ host, port })
    this.socket.on('error', () => undefined)
    const body = Buffer.from(`\0\x03\0\0user\0${user}\0database\0${database}\0\0`, 'latin1')
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    this.socket.write(Buffer.concat([length, body]))
    this.ready = new Promise((resolve) => {
      this.socket.on('data', (bytes: Buffer) => {
        for (const answer of this.#frame(bytes)) {
          const isIdle = answer[0] === READY && answer[5] === 'I'.charCodeAt(0)
          if (this.#isReady) this.#client?.write(answer)
          if (this.#isReady && isIdle) this.#client?.idle()
          if (answer[0] === READY) {
            this.#isReady = true
            resolve()
          }
        }
      })
    })
  }

  lend(client: { write(bytes: Buffer): void; idle(): void } | undefined): void {
    this.#client = client
  }
}

/**
 * @param size how many connections it has at most; those who find none wait
 * @param lends `last`: the one that came back last, as PgBouncer does; `first`: in turn, all made beforehand
 */
export const startPooler = async (
  server: Server,
  mode: 'session' | 'transaction',
  size: number,
  lends: 'last' | 'first' = 'last',
): Promise<Pooler> => {
  const clients = new Set<Socket>()
  const all: Lent[] = []
  const idle: Lent[] = []
  const waiting: (() => void)[] = []
  const take = async (): Promise<Lent> => {
    for (;;) {
      const free = lends === 'last' ? idle.pop() : idle.shift()
      if (free !== undefined) return free
      if (all.length < size) {
        const made = new Lent(server)
        all.push(made)
        await made.ready
        return made
      }
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  const give = (lent: Lent): void => {
    lent.lend(undefined)
    idle.push(lent)
    waiting.shift()?.()
  }
  if (lends === 'first') {
    for (let i = 0; i < size; i += 1) all.push(new Lent(server))
    await Promise.all(all.map(({ ready }) => ready))
    idle.push(...all)
  }
  const listener = createServer((client) => {
    clients.add(client)
    let lent: Lent | undefined
    let isGreeted = false
    const frame = makeFraming()
    let work = Promise.resolve()
    const leave = (): void => {
      if (lent !== undefined) give(lent)
      lent = undefined
    }
    client.on('error', () => undefined)
    client.on('close', () => {
      clients.delete(client)
      work = work.then(leave)
    })
    const forward = async (asked: Buffer): Promise<void> => {
      if (asked[0] === TERMINATE) return leave()
      if (lent === undefined) {
        lent = await take()
        lent.lend({
          write: (bytes) => client.write(bytes),
          idle: () => mode === 'transaction' && leave(),
        })
      }
      lent.socket.write(asked)
    }
    client.on('data', (bytes: Buffer) => {
      if (!isGreeted) {
        isGreeted = true
        client.write(GREETING)
        return
      }
      for (const asked of frame(bytes)) work = work.then(() => forward(asked))
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    connection: { ...server.connection, port: (listener.address() as AddressInfo).port },
    async close() {
      for (const client of clients) client.destroy()
      for (const { socket } of all) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
