import { entryOf } from '../../shared/ring/layout.js'
import { FreeSlots } from './free-slots.js'
import type { RingGate } from './gate.js'
import type { Ring } from './ring.js'

/**
 * The table sequence → slot and the free slots: which slot holds which slice. Main thread only.
 *
 * A slot is claimed to be filled, gets a sequence at its publish, and is free again when every gating cursor has passed
 * that sequence. Slots become free as a prefix of the sequences, and no earlier than a claim needs them: until then a
 * receiver may still join at their sequence.
 *
 * Invariant: oldest ≤ the gate's floor ≤ the next sequence to publish < oldest + slots.
 */
export class SlotTable {
  readonly #ring: Ring
  readonly #gate: RingGate
  /** Exposed for tests, which give slots back in another order. */
  readonly free: FreeSlots
  /** The first sequence whose slot was not freed. */
  #oldest: number

  constructor(ring: Ring, gate: RingGate) {
    this.#ring = ring
    this.#gate = gate
    this.free = new FreeSlots(ring.shape.slots)
    this.#oldest = ring.firstSequence
  }

  /**
   * Takes a free slot. Only after the gate's `isFree` said so for the sequence that will be published with it.
   * @throws RangeError when every slot is being filled or can still be read
   */
  claim(): number {
    // the floor was found by `isFree`, and cursors only grow
    while (this.free.count === 0 && this.#oldest < this.#gate.floor) {
      this.free.give(this.#ring.cells.slot(entryOf(this.#ring.shape, this.#oldest)))
      this.#oldest += 1
    }
    return this.free.take()
  }

  /**
   * Says in the table where the slice of `sequence` lies; before its publish.
   * @throws RangeError when a gating cursor may still read the entry, or a slot that was freed
   */
  write(sequence: number, slot: number, bytes: number, rows: number, flags: number): void {
    const { cells, shape } = this.#ring
    const { floor } = this.#gate
    if (sequence - floor >= shape.slots) {
      throw new RangeError(
        `entry of sequence ${sequence} is still read at ${floor}, with ${shape.slots} slots`,
      )
    }
    if (floor < this.#oldest) {
      throw new RangeError(`a receiver reads at ${floor}, slots before ${this.#oldest} are free`)
    }
    cells.describe(entryOf(shape, sequence), slot, bytes, rows, flags)
  }
}
