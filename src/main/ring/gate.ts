import type { RingCells } from '../../shared/ring/cells.js'
import { fromCell } from '../../shared/ring/sequence.js'
import type { Ring } from './ring.js'

/** A wait for a cursor is looked at again at least this often; only a lost wake-up ever takes that long. */
const WAIT_BOUND_MS = 250

/**
 * Which read cursors hold the writer back. A receiver gates from `add` until `remove`; the caller's loop gates too, so
 * that a caller that stops asking stops the copy at most one ring ahead.
 */
export class RingGate {
  readonly #cells: RingCells
  readonly #slots: number
  readonly #cursors = new Map<number, number>()
  #taken: number
  /** The minimum found last: it can only have grown since, so it is looked at first. */
  #floor: number
  #wake: (() => void) | undefined
  /** The sequence whose slot was asked for last and was not free; undefined when it was. */
  #wanted: number | undefined

  constructor(ring: Ring) {
    this.#cells = ring.cells
    this.#slots = ring.shape.slots
    this.#taken = ring.firstSequence
    this.#floor = ring.firstSequence
  }

  /** The receiver's cursor, set to `sequence` by the caller beforehand, holds the writer back from now on. */
  add(receiver: number, sequence: number): void {
    this.#cursors.set(receiver, sequence)
    this.#floor = Math.min(this.#floor, sequence)
  }

  /** Lets go of a receiver. Only when nothing it was handed can still be read: its socket is closed, or its writes left. */
  remove(receiver: number): void {
    this.#cursors.delete(receiver)
    this.wake()
  }

  /** The caller's loop has taken everything before `sequence`. */
  take(sequence: number): void {
    this.#taken = sequence
    this.wake()
  }

  /** The full sequence of a receiver's read cursor; undefined when it does not gate. */
  cursor(receiver: number): number | undefined {
    const last = this.#cursors.get(receiver)
    if (last === undefined) return undefined
    const now = fromCell(last, this.#cells.cursor(receiver))
    this.#cursors.set(receiver, now)
    return now
  }

  /** Whether the slot for `sequence` is free: every gating cursor has passed the sequence that it held before. */
  isFree(sequence: number): boolean {
    this.#wanted = undefined
    if (sequence - this.#floor < this.#slots) return true
    this.#floor = this.#taken
    for (const receiver of this.#cursors.keys())
      this.#floor = Math.min(this.#floor, this.cursor(receiver) as number)
    if (sequence - this.#floor < this.#slots) return true
    this.#wanted = sequence
    return false
  }

  /**
   * Receivers that hold up others: the writer waits for their slot while somebody else has taken all there is. None
   * while the caller's loop holds the same slot.
   */
  get holdingUp(): readonly number[] {
    const wanted = this.#wanted
    if (wanted === undefined || wanted - this.#taken >= this.#slots) return []
    const cursors = [...this.#cursors.keys()].map(
      (receiver) => [receiver, this.cursor(receiver) as number] as const,
    )
    // the writer asks for one slot more than it fills
    if (cursors.every(([, cursor]) => cursor < wanted - 1)) return []
    return cursors.flatMap(([receiver, cursor]) => (wanted - cursor >= this.#slots ? [receiver] : []))
  }

  /** Whether a receiver has taken all that is published, so that it waits for more. */
  anyIdle(published: number): boolean {
    for (const receiver of this.#cursors.keys()) if (this.cursor(receiver) === published) return true
    return false
  }

  /** Settles when the slot for `sequence` may have become free, or at wake(): look again. */
  change(sequence: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      for (const receiver of this.#cursors.keys()) {
        const cursor = this.cursor(receiver) as number
        if (sequence - cursor < this.#slots) continue
        // one receiver that is behind is enough: the slot is not free before this one has moved
        const wait = this.#cells.waitForCursor(receiver, cursor | 0, WAIT_BOUND_MS)
        if (wait === true) resolve()
        else wait.then(() => resolve())
        return
      }
      // held back by the caller's loop alone: take() wakes
      if (sequence - this.#taken < this.#slots) resolve()
    })
  }

  wake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
