import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameReader } from './frames.js'

/**
 * What passes in one direction of a line: takes the bytes that come and yields the bytes that go on. A stage that
 * returns before its input ends cuts the line; a stage that throws fails the test, when the relay is closed.
 */
export type Stage = (incoming: AsyncIterable<Buffer>, line: Line) => AsyncIterable<Uint8Array>

/** The streams between which bytes pass: the two sockets, or TLS over them. */
export type Ends = readonly [client: Duplex, server: Duplex]

/** One connection of a client to a relay, and the relay's connection to a server. */
export class Line {
  /** Counts from 0. */
  readonly number: number
  readonly client: Socket
  readonly server: Socket
  /** The messages of each direction, for stages that look at messages. */
  readonly fromClient = new FrameReader('client')
  readonly fromServer = new FrameReader('server')
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<void>
  readonly #over = new AbortController()
  #isFrozen = false

  constructor(number: number, client: Socket, server: Socket) {
    this.number = number
    this.client = client
    this.server = server
    this.closed = new Promise((resolve) => this.#over.signal.addEventListener('abort', () => resolve()))
    client.on('close', () => this.#lost(server))
    server.on('close', () => this.#lost(client))
  }

  /** Closes both sockets: with a FIN after the bytes that were written, or with a RST. */
  cut(how: 'end' | 'reset'): void {
    for (const socket of [this.client, this.server]) {
      // libuv resets no socket that is being shut down
      if (how === 'reset' && !socket.connecting && !socket.writableEnded) socket.resetAndDestroy()
      else socket.destroySoon()
    }
  }

  /** From now on nothing passes in either direction, not even the end of a connection. */
  freeze(): void {
    this.#isFrozen = true
  }

  /** Waits. Ends early when the line is closed, or when `lifted` is aborted. */
  async pause(ms: number, lifted?: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([this.#over.signal, ...(lifted === undefined ? [] : [lifted])])
    // sleep() rejects for no other reason than the signal
    await sleep(ms, undefined, { signal }).catch(() => undefined)
  }

  /** Passes on what comes at both ends, until both have ended. */
  async pass([client, server]: Ends, toServer: Stage, toClient: Stage): Promise<void> {
    await Promise.all([this.#pass(client, server, toServer), this.#pass(server, client, toClient)])
  }

  async #pass(from: Duplex, to: Duplex, stage: Stage): Promise<void> {
    for await (const bytes of stage(received(from), this)) {
      if (this.#isFrozen) await this.closed
      await write(to, bytes)
    }
    if (this.#isFrozen) return
    if (from.readableEnded) to.end()
    else this.cut('end')
  }

  #lost(other: Socket): void {
    if (!this.#isFrozen) other.destroy()
    if (this.client.closed && this.server.closed) this.#over.abort()
  }
}

/** The bytes that come, until the end or the loss of the connection. */
export async function* received(stream: Duplex): AsyncGenerator<Buffer> {
  try {
    // a plain loop would destroy the stream at its end, with what is still to be sent
    for await (const bytes of stream.iterator({ destroyOnReturn: false })) yield bytes
  } catch {
    // the peer reset the connection, or this process destroyed it: no error of the server that reads
  }
}

/** Returns when the kernel has the bytes, or the stream takes no more. */
const write = async (to: Duplex, bytes: Uint8Array): Promise<void> => {
  if (bytes.length === 0 || !to.writable) return
  await new Promise((resolve) => to.write(bytes, resolve))
}
