import type { Ring } from '../ring/ring.js'
import type { RingWriter } from '../ring/writer.js'
import { EventLoopYield } from './event-loop-yield.js'

/** Rows laid between two looks at the clock. */
const ROWS_PER_LOOK = 16

/** One pass of a producer into the ring. Valid until `produce` settles. */
export class ProducerStream {
  /** 1 for the first pass. */
  readonly pass: number
  /** @internal For producers that lay bytes into the ring themselves. */
  readonly ring: Ring
  /** @internal */
  readonly writer: RingWriter
  readonly #started: () => void
  readonly #yield = new EventLoopYield()
  #stopped = false

  /** @internal */
  constructor(parts: { ring: Ring; writer: RingWriter }, pass: number, started: () => void) {
    this.ring = parts.ring
    this.writer = parts.writer
    this.pass = pass
    this.#started = started
  }

  /** To be called when the source has accepted: rows may come from now on. */
  started(): void {
    this.#started()
  }

  /** Whether the copy was aborted: `produce` should end soon, by returning or by throwing. */
  get isStopped(): boolean {
    return this.#stopped
  }

  /** Manager only. */
  stop(): void {
    this.#stopped = true
  }

  /** Publishes the rows of the open slot, so that all rows of the pass are published. */
  flush(): Promise<void> {
    return this.writer.drain(() => this.#stopped)
  }

  /**
   * Takes complete rows of COPY data, each with its line end where the format has one. Only a row that is larger than a
   * slot is cut across slices. Waits while the ring is full; the bytes may be reused afterwards. Yields to the event loop
   * about every 10 ms, so that neither many rows nor a loop of calls keeps sockets and timers waiting.
   */
  async rows(rows: Iterable<Uint8Array>): Promise<void> {
    const { slot } = this.writer
    let laid = 0
    for (const row of rows) {
      if (this.#stopped) return
      laid += 1
      if (laid % ROWS_PER_LOOK === 0 && this.#yield.isDue) await this.#yield.yield()
      if (slot.isFull || row.length > slot.room) {
        await this.#makeRoom()
        await this.#lay(row)
      } else {
        // the common case, without a promise for each row
        slot.lay(row, true)
      }
    }
    await this.#offer()
  }

  /** Takes a piece of COPY data cut anywhere; it counts as one message. Waits and yields as `rows` does. */
  async chunk(bytes: Uint8Array): Promise<void> {
    await this.#lay(bytes)
    await this.#offer()
  }

  /** Begins a new slot, so that a row that does not fit into the rest of this slot stays whole. */
  async #makeRoom(): Promise<void> {
    if (!this.writer.publish()) await this.flush()
  }

  /** Publishes if a publish is due, and waits while slot and ring are full. */
  async #offer(): Promise<void> {
    if (!this.writer.offer()) await this.writer.space(() => this.#stopped)
    if (this.#yield.isDue) await this.#yield.yield()
  }

  async #lay(bytes: Uint8Array): Promise<void> {
    const { slot } = this.writer
    let from = 0
    for (;;) {
      if (slot.isFull) await this.#offer()
      if (this.#stopped) return
      const to = Math.min(bytes.length, from + slot.room)
      const ended = to === bytes.length
      slot.lay(bytes.subarray(from, to), ended)
      if (ended) return
      from = to
    }
  }
}
