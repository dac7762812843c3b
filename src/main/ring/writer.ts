import { STREAM_STATE, type StreamState } from '../../shared/ring/cells.js'
import { FLAG } from '../../shared/ring/layout.js'
import { toCell } from '../../shared/ring/sequence.js'
import type { RingGate } from './gate.js'
import type { MemoryMove } from './memory-move.js'
import { OpenSlot } from './open-slot.js'
import { FLUSH_MS, isWorthWaking } from './publish-policy.js'
import type { Ring } from './ring.js'
import { SliceTotals } from './slice-totals.js'
import type { SlotTable } from './slot-table.js'

/**
 * The writing end of the ring: main thread only, one producer at a time. The producer fills the open slot; the writer
 * claims and publishes. A slot is published only when a free one can be claimed in its place, so that there is always
 * memory for bytes that arrive.
 */
export class RingWriter {
  /** The slot being filled: the same object for the writer's life, with another slot after each publish. */
  readonly slot: OpenSlot
  readonly totals: SliceTotals
  readonly #ring: Ring
  readonly #gate: RingGate
  readonly #table: SlotTable
  readonly #move: MemoryMove
  /** Called after each publish. */
  readonly #published: () => void
  #sequence: number
  /** Whether the last slice ended inside a row. */
  #isInsideRow = false
  #flush: NodeJS.Timeout | undefined
  #publishedAt = 0

  constructor(ring: Ring, gate: RingGate, table: SlotTable, move: MemoryMove, published: () => void) {
    this.#ring = ring
    this.#gate = gate
    this.#table = table
    this.#move = move
    this.#published = published
    this.#sequence = ring.firstSequence
    this.totals = new SliceTotals(ring.shape)
    this.slot = new OpenSlot(ring, table.claim())
  }

  /** Number of the next slice to be published. */
  get sequence(): number {
    return this.#sequence
  }

  /**
   * Called after each piece of input: publishes when the slot is full or a receiver is idle, else makes sure that whole
   * rows are published soon when the source falls silent.
   * @returns false when the slot is full and the ring too: no more bytes may be laid before `space()`
   */
  offer(): boolean {
    const { slot } = this
    if (slot.isFull) return this.publish()
    if (slot.rows === 0) return true
    const wakes = this.#gate.anyIdle(this.#sequence) && isWorthWaking(slot.wholeBytes, this.#publishedAt)
    // one receiver may be idle while another holds the ring: then the timer publishes later
    if (!wakes || !this.publish()) this.#armFlush()
    return true
  }

  /**
   * Publishes the whole rows of the slot; if the slot is full of one row's piece, that piece.
   * @returns false when no slot is free to be filled next
   */
  publish(): boolean {
    const { slot } = this
    const continues = slot.isInsideRow
    if (continues && slot.room > 0) return true
    if (!this.#gate.isFree(this.#sequence + 1)) return false
    // Node may still read into the rest of this slot. The unfinished row and that read fit into the next slot, since both
    // lie after `mark` here. This slot is not claimed again before the read has come: nothing can be published until then.
    // With several writers this would no longer hold, and a slot would have to be kept until its last read has come
    const end = continues ? slot.out : slot.mark
    const rest = slot.out - end
    const bytes = slot.wholeBytes + (continues ? end - slot.mark : 0)
    const flags = (continues ? FLAG.continues : 0) | (this.#isInsideRow ? FLAG.continued : 0)
    slot.writeHeader(bytes)
    this.#table.write(this.#sequence, slot.slot, bytes, slot.rows, flags)
    this.totals.add(this.#sequence, slot.rows, bytes)
    slot.enter(this.#table.claim())
    if (rest > 0) {
      this.#move(slot.out, end, rest)
      slot.advance(slot.out + rest, slot.mark, 0)
    }
    this.#isInsideRow = continues
    this.#sequence += 1
    this.#publishedAt = performance.now()
    // the last store: slot and entry are complete
    this.#ring.cells.publish(toCell(this.#sequence))
    this.#published()
    return true
  }

  /** Waits until a full slot could be published. `isStopped` ends the wait at the gate's next `wake()`. */
  async space(isStopped: () => boolean): Promise<void> {
    while (!isStopped() && this.slot.isFull && !this.publish()) await this.#change()
  }

  /** Publishes all whole rows, waiting for room where needed. At the end of a pass the slot must be empty after that. */
  async drain(isStopped: () => boolean): Promise<void> {
    while (!isStopped() && this.slot.rows > 0 && !this.publish()) await this.#change()
  }

  setState(state: StreamState): void {
    this.stopFlush()
    if (state === STREAM_STATE.open) {
      this.totals.reset()
      this.#isInsideRow = false
    }
    this.#ring.cells.setState(state)
  }

  stopFlush(): void {
    clearTimeout(this.#flush)
    this.#flush = undefined
  }

  #change(): Promise<void> {
    return this.#gate.change(this.#sequence + 1)
  }

  #armFlush(): void {
    this.#flush ??= setTimeout(() => {
      this.#flush = undefined
      if (this.slot.rows > 0 && !this.publish()) this.#armFlush()
    }, FLUSH_MS)
  }
}
