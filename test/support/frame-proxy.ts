import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../../scripts/postgres/connection.js'
import { type Frame, FrameReader } from './frames.js'

/** A message on its way. Connections and messages count from 0, a connection's messages by direction. */
export interface PassingFrame extends Frame {
  readonly connection: number
  readonly direction: 'to-server' | 'to-client'
  readonly index: number
  /** Bytes that this direction of the connection had before. */
  readonly offset: number
}

/** What becomes of a message: passed on unless said otherwise. */
export type Treatment =
  | undefined
  /** Its first `at` bytes are passed on, then both sides are cut: with a FIN, or with a RST. */
  | { readonly do: 'cut'; readonly at: number; readonly how: 'end' | 'reset' }
  /** It waits, and all behind it; for good when the promise never settles. */
  | { readonly do: 'hold'; readonly until: Promise<unknown> }
  | { readonly do: 'delay'; readonly ms: number }
  | { readonly do: 'duplicate' }
  /** Its bytes go at this speed. */
  | { readonly do: 'throttle'; readonly bytesPerSecond: number }
  | { readonly do: 'replace'; readonly bytes: Uint8Array }

/** Looks at every message of every connection, in both directions. */
export type Treat = (frame: PassingFrame) => Treatment

export interface FrameProxy {
  /** As the server's, by way of the proxy. */
  readonly connection: Connection
  /** How many connections came. */
  readonly connections: number
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A relay in front of a server, real or scripted, that can do to each message what a network or a bad server may. */
export const startFrameProxy = async (
  server: { readonly connection: Connection },
  treat: Treat,
): Promise<FrameProxy> => {
  const links = new Set<Link>()
  let connections = 0
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const link = new Link(client, server.connection, connections++, treat)
    links.add(link)
    client.on('close', () => links.delete(link))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const close = async (): Promise<void> => {
    for (const link of links) link.cut('reset')
    const closed = once(listener, 'close')
    listener.close()
    await closed
  }
  return {
    connection: { ...server.connection, host: '127.0.0.1', port: (listener.address() as AddressInfo).port },
    get connections() {
      return connections
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Cuts a connection's direction behind so many bytes, as a Treat's answer. */
export const cutBehind = (frame: PassingFrame, bytes: number, how: 'end' | 'reset'): Treatment =>
  frame.offset + frame.bytes.length > bytes ? { do: 'cut', at: bytes - frame.offset, how } : undefined

/** One connection of a client and its connection to the server. */
class Link {
  readonly #client: Socket
  readonly #behind: Socket
  readonly #number: number
  readonly #treat: Treat
  readonly #fromClient = new FrameReader('client')
  readonly #fromServer = new FrameReader('server')

  constructor(client: Socket, { host, port }: Connection, number: number, treat: Treat) {
    this.#client = client
    this.#number = number
    this.#treat = treat
    const isPath = host.startsWith('/')
    this.#behind = connect({
      ...(isPath ? { path: `${host}/.s.PGSQL.${port}` } : { host, port, noDelay: true }),
      allowHalfOpen: true,
    })
    client.on('error', () => this.#behind.destroy())
    client.on('close', () => this.#behind.destroy())
    this.#behind.on('error', () => client.destroy())
    this.#pass('to-server').catch(() => this.cut('reset'))
    this.#pass('to-client').catch(() => this.cut('reset'))
  }

  cut(how: 'end' | 'reset'): void {
    for (const socket of [this.#client, this.#behind]) {
      if (how === 'reset' && !socket.connecting) socket.resetAndDestroy()
      else socket.destroySoon()
    }
  }

  async #pass(direction: 'to-server' | 'to-client'): Promise<void> {
    const isUp = direction === 'to-server'
    const [from, to] = isUp ? [this.#client, this.#behind] : [this.#behind, this.#client]
    const reader = isUp ? this.#fromClient : this.#fromServer
    let index = 0
    let offset = 0
    // what nothing is done to goes on together: a write for each row would cost more than the copy
    let untouched: Buffer[] = []
    const passOn = async (): Promise<void> => {
      const bytes = Buffer.concat(untouched)
      untouched = []
      await write(to, bytes)
    }
    for await (const bytes of from) {
      for (const frame of reader.take(bytes as Buffer)) {
        if (frame.type === 'ssl') this.#fromServer.expectByte()
        const passing = { ...frame, connection: this.#number, direction, index, offset }
        const treatment = this.#treat(passing)
        index += 1
        offset += frame.bytes.length
        if (treatment === undefined) {
          untouched.push(frame.bytes)
          continue
        }
        await passOn()
        if (treatment.do === 'cut') {
          await write(to, frame.bytes.subarray(0, treatment.at))
          return this.cut(treatment.how)
        }
        await apply(to, frame.bytes, treatment)
      }
      await passOn()
    }
    to.end()
  }
}

const apply = async (
  to: Socket,
  bytes: Buffer,
  treatment: Exclude<Treatment, undefined | { do: 'cut' }>,
): Promise<void> => {
  switch (treatment.do) {
    case 'hold':
      await treatment.until
      break
    case 'delay':
      await sleep(treatment.ms)
      break
    case 'duplicate':
      await write(to, bytes)
      break
    case 'throttle':
      return throttled(to, bytes, treatment.bytesPerSecond)
    case 'replace':
      return write(to, treatment.bytes)
  }
  await write(to, bytes)
}

const THROTTLE_MS = 20

const throttled = async (to: Socket, bytes: Buffer, bytesPerSecond: number): Promise<void> => {
  const piece = Math.max(1, Math.floor((bytesPerSecond * THROTTLE_MS) / 1000))
  for (let at = 0; at < bytes.length; at += piece) {
    await write(to, bytes.subarray(at, at + piece))
    await sleep(THROTTLE_MS)
  }
}

const write = async (to: Socket, bytes: Uint8Array): Promise<void> => {
  if (bytes.length === 0 || to.write(bytes)) return
  // a socket that closes has no more room to wait for
  if (!to.destroyed) await Promise.race([once(to, 'drain'), once(to, 'close')])
}
