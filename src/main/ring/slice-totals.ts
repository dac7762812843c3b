import { type RingShape, slotOf } from '../../shared/ring/layout.js'

/** How much was moved: CopyData messages (rows) and payload bytes. */
export interface Moved {
  readonly messages: number
  readonly bytes: number
}

/**
 * Running totals of one pass, kept for each slot, so that a read cursor tells how many rows and bytes its receiver has
 * let go of. Main thread only. A cursor lies at most one ring behind, so one entry a slot is enough.
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
    const slot = slotOf(this.#shape, sequence)
    this.#messagesBefore[slot] = this.#messages
    this.#bytesBefore[slot] = this.#bytes
    this.#messages += messages
    this.#bytes += bytes
    this.#next = sequence + 1
  }

  /** What lies before the slice `sequence` in this pass; everything when it is the next to be published. */
  before(sequence: number): Moved {
    if (this.#next === undefined || sequence >= this.#next)
      return { messages: this.#messages, bytes: this.#bytes }
    const slot = slotOf(this.#shape, sequence)
    return { messages: this.#messagesBefore[slot] as number, bytes: this.#bytesBefore[slot] as number }
  }

  /** Begins another pass. */
  reset(): void {
    this.#messages = 0
    this.#bytes = 0
    this.#next = undefined
  }
}
