import { entryOf, type RingShape } from '../../shared/ring/layout.js'

/** How much was moved: CopyData messages (rows) and payload bytes. */
export interface Moved {
  readonly messages: number
  readonly bytes: number
}

/**
 * Running totals of one pass, kept for each sequence in the ring: from a read cursor they give how many rows and bytes its
 * receiver has released. Main thread only. A cursor lies at most one ring before the writer, so `slots` entries are enough.
 */
export class SliceTotals {
  readonly #shape: RingShape
  readonly #messagesBefore: Float64Array
  readonly #bytesBefore: Float64Array
  #next: number | undefined
  #messages = 0
  #bytes = 0

  constructor(shape: RingShape) {
    this.#shape = shape
    this.#messagesBefore = new Float64Array(shape.slots)
    this.#bytesBefore = new Float64Array(shape.slots)
  }

  get messages(): number {
    return this.#messages
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A slice is being published. */
  add(sequence: number, messages: number, bytes: number): void {
    const entry = entryOf(this.#shape, sequence)
    this.#messagesBefore[entry] = this.#messages
    this.#bytesBefore[entry] = this.#bytes
    this.#messages += messages
    this.#bytes += bytes
    this.#next = sequence + 1
  }

  /** Totals of the slices before `sequence` in this pass; of all slices when `sequence` is the next to be published. */
  before(sequence: number): Moved {
    if (this.#next === undefined || sequence >= this.#next)
      return { messages: this.#messages, bytes: this.#bytes }
    const entry = entryOf(this.#shape, sequence)
    return { messages: this.#messagesBefore[entry] as number, bytes: this.#bytesBefore[entry] as number }
  }

  /** Begins another pass. */
  reset(): void {
    this.#messages = 0
    this.#bytes = 0
    this.#next = undefined
  }
}
