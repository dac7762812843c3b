import type { RingCells } from '../../shared/ring/cells.js'
import { fromCell, toCell } from '../../shared/ring/sequence.js'
import type { Ring } from './ring.js'

/** A waiting writer looks at the cursor again at least this often; only a lost wake-up takes that long. */
const WAIT_BOUND_MS = 250

/**
 * The read cursors that hold the writer back. A receiver gates from `add` until `remove`; the caller's loop gates too, so
 * that a caller that stops asking stops the copy at most one ring ahead.
 */
export class RingGate {
  readonly #cells: RingCells
  readonly #slots: number
  /** The full sequence of each gating receiver's cursor, as it was read last. */
  readonly #cursors = new Map<number, number>()
  #taken: number
  /** The cached minimum of all cursors: they only grow, so the true minimum is at least this. */
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

  /** Every gating cursor has passed the sequences before this one. As `isFree` found it last: it may lie higher by now. */
  get floor(): number {
    return this.#floor
  }

  /** The receiver's cursor holds the writer back from now on. The caller has set the cursor to `sequence`. */
  add(receiver: number, sequence: number): void {
    this.#cursors.set(receiver, sequence)
    this.#floor = Math.min(this.#floor, sequence)
  }

  /** The receiver's cursor gates no more. Only when no slice can be read for it: its socket is closed, or its writes left. */
  remove(receiver: number): void {
    this.#cursors.delete(receiver)
    this.wake()
  }

  /** The caller's loop has taken everything before `sequence`. */
  take(sequence: number): void {
    this.#taken = sequence
    this.wake()
  }

  /**
   * The full sequence of a receiver's read cursor; undefined when it does not gate.
   * @throws RangeError when the cursor went back
   */
  cursor(receiver: number): number | undefined {
    const last = this.#cursors.get(receiver)
    if (last === undefined) return undefined
    const now = fromCell(last, this.#cells.cursor(receiver))
    if (now < last) throw new RangeError(`cursor of receiver ${receiver} went back from ${last} to ${now}`)
    this.#cursors.set(receiver, now)
    return now
  }

  /** Whether `sequence` has room in the ring: every gating cursor has passed the sequence that lies one ring before it. */
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
   * Receivers that hold up others: the writer waits for their slot while another receiver has taken all published slices.
   * None while the caller's loop holds the same slot.
   */
  get holdingUp(): readonly number[] {
    const wanted = this.#wanted
    if (wanted === undefined || !this.isFull) return []
    const cursors = [...this.#cursors.keys()].map(
      (receiver) => [receiver, this.cursor(receiver) as number] as const,
    )
    // the writer asks for one slot more than it fills
    if (cursors.every(([, cursor]) => cursor < wanted - 1)) return []
    return cursors.flatMap(([receiver, cursor]) => (wanted - cursor >= this.#slots ? [receiver] : []))
  }

  /** Whether the source waits for room in the ring, and the caller's loop does not hold that room. */
  get isFull(): boolean {
    return this.#wanted !== undefined && this.#wanted - this.#taken < this.#slots
  }

  /** Whether a receiver has released all that is published, so that it waits for more. */
  anyIdle(published: number): boolean {
    for (const receiver of this.#cursors.keys()) if (this.cursor(receiver) === published) return true
    return false
  }

  /** Settles when `sequence` may have room by now, or at wake(): look again. */
  change(sequence: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      for (const receiver of this.#cursors.keys()) {
        const cursor = this.cursor(receiver) as number
        if (sequence - cursor < this.#slots) continue
        // one slow receiver is enough: there is no room before this one has moved
        const wait = this.#cells.waitForCursor(receiver, toCell(cursor), WAIT_BOUND_MS)
        if (wait === true) resolve()
        else wait.then(() => resolve())
        return
      }
      // held back by the caller's loop alone: take() wakes
      if (sequence - this.#taken < this.#slots) resolve()
    })
  }

  /** Ends the wait of change(). */
  wake(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
