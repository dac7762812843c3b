import type { Deframer } from '../ring/deframer.js'
import type { Ring } from '../ring/ring.js'
import type { RingWriter } from '../ring/writer.js'
import { EventLoopYield } from './event-loop-yield.js'

/** Rows laid down between two looks at the clock. A power of two. */
const ROWS_PER_LOOK = 16

/** One pass of a producer into the ring. Valid until `produce` settles. */
export class ProducerStream {
  /** 1 for the first pass. */
  readonly pass: number
  /** @internal The parts of the ring, for producers that lay bytes down themselves. */
  readonly ring: Ring
  /** @internal */
  readonly writer: RingWriter
  /** @internal */
  readonly deframer: Deframer
  readonly #started: () => void
  readonly #breath = new EventLoopYield()
  #stopped = false

  /** @internal */
  constructor(
    parts: { ring: Ring; writer: RingWriter; deframer: Deframer },
    pass: number,
    started: () => void,
  ) {
    this.ring = parts.ring
    this.writer = parts.writer
    this.deframer = parts.deframer
    this.pass = pass
    this.#started = started
  }

  /** The source accepted: rows may come from now on. */
  started(): void {
    this.#started()
  }

  /** Whether the copy was given up: `produce` should end soon, by returning or by throwing. */
  get isStopped(): boolean {
    return this.#stopped
  }

  /** Manager only. */
  stop(): void {
    this.#stopped = true
  }

  /** Publishes what lies in the writer's slot, so that nothing of the pass is left behind. */
  flush(): Promise<void> {
    return this.writer.drain(() => this.#stopped)
  }

  /**
   * Complete rows of COPY data, each with its line end where the format has one. A row is never cut across slices
   * unless it is larger than a slot. Waits while the ring is full; the bytes may be reused afterwards. Lets the event
   * loop turn about every 10 ms, so that neither many rows nor a loop of calls keeps sockets and timers waiting.
   */
  async rows(rows: Iterable<Uint8Array>): Promise<void> {
    const { writer } = this
    let laid = 0
    for (const row of rows) {
      if (this.#stopped) return
      laid += 1
      if (laid % ROWS_PER_LOOK === 0 && this.#breath.isDue) await this.#breath.yield()
      if (writer.isFull || row.length > writer.limit - writer.out) {
        await this.#makeRoom()
        await this.#lay(row)
      } else {
        // the common case, without a promise for each row
        writer.memory.set(row, writer.out)
        const out = writer.out + row.length
        writer.advance(out, out, 1)
      }
    }
    await this.#offer()
  }

  /** A piece of COPY data cut anywhere; it counts as one message. Waits, and lets the event loop turn, as `rows` does. */
  async chunk(bytes: Uint8Array): Promise<void> {
    await this.#lay(bytes)
    await this.#offer()
  }

  /** Begins a new slot, so that a row that does not fit into the rest of this one stays whole. */
  async #makeRoom(): Promise<void> {
    if (!this.writer.publish()) await this.flush()
  }

  /** Publishes if that is due, and waits while slot and ring are full. */
  async #offer(): Promise<void> {
    if (!this.writer.offer()) await this.writer.space(() => this.#stopped)
    if (this.#breath.isDue) await this.#breath.yield()
  }

  async #lay(bytes: Uint8Array): Promise<void> {
    const { writer } = this
    let from = 0
    for (;;) {
      if (writer.isFull) await this.#offer()
      if (this.#stopped) return
      const take = Math.min(bytes.length - from, writer.limit - writer.out)
      writer.memory.set(bytes.subarray(from, from + take), writer.out)
      from += take
      const out = writer.out + take
      const ended = from === bytes.length
      writer.advance(out, ended ? out : writer.mark, ended ? 1 : 0)
      if (ended) return
    }
  }
}
