import type { Deframer } from './deframer.js'
import type { Ring } from './ring.js'
import type { RingWriter } from './ring-writer.js'

/** One pass of a producer into the ring. Valid until `produce` settles. */
export class ProducerStream {
  /** 1 for the first pass. */
  readonly pass: number
  /** The parts of the ring, for producers that lay bytes down themselves. */
  readonly ring: Ring
  readonly writer: RingWriter
  readonly deframer: Deframer
  readonly #started: () => void
  #stopped = false

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
   * One complete row of COPY data, with its line end where the format has one. A row is never cut across slices unless
   * it is larger than a slot. Waits while the ring is full; the bytes may be reused afterwards.
   */
  async row(bytes: Uint8Array): Promise<void> {
    const { writer } = this
    if (bytes.length > writer.limit - writer.out && writer.mark === writer.out) await this.#makeRoom()
    await this.#lay(bytes)
  }

  /** A piece of COPY data cut anywhere; it counts as one message. Waits while the ring is full. */
  chunk(bytes: Uint8Array): Promise<void> {
    return this.#lay(bytes)
  }

  /** Begins a new slot, so that a row that does not fit into the rest of this one stays whole. */
  async #makeRoom(): Promise<void> {
    if (!this.writer.publish()) await this.flush()
  }

  async #lay(bytes: Uint8Array): Promise<void> {
    const { writer } = this
    let from = 0
    for (;;) {
      if (writer.isFull && !writer.offer()) await writer.space(() => this.#stopped)
      if (this.#stopped) return
      const take = Math.min(bytes.length - from, writer.limit - writer.out)
      writer.memory.set(bytes.subarray(from, from + take), writer.out)
      from += take
      const out = writer.out + take
      const ended = from === bytes.length
      writer.advance(out, ended ? out : writer.mark, ended ? 1 : 0)
      if (ended) break
    }
    if (!writer.offer()) await writer.space(() => this.#stopped)
  }
}
