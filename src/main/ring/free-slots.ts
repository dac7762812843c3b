/** The slots that hold no slice and are not being filled, in no order that anything may rely on. Main thread only. */
export class FreeSlots {
  readonly #stack: Int32Array
  readonly #isFree: Uint8Array
  #count: number

  /** All slots are free: 0 to `slots` - 1. */
  constructor(slots: number) {
    this.#stack = Int32Array.from({ length: slots }, (_, at) => slots - 1 - at)
    this.#isFree = new Uint8Array(slots).fill(1)
    this.#count = slots
  }

  get count(): number {
    return this.#count
  }

  /** @throws RangeError when no slot is free */
  take(): number {
    if (this.#count === 0) throw new RangeError('no slot is free')
    this.#count -= 1
    const slot = this.#stack[this.#count] as number
    this.#isFree[slot] = 0
    return slot
  }

  /** @throws RangeError for a slot that is free already, or that does not exist */
  give(slot: number): void {
    if (this.#isFree[slot] !== 0) throw new RangeError(`slot ${slot} is not taken`)
    this.#isFree[slot] = 1
    this.#stack[this.#count] = slot
    this.#count += 1
  }
}
