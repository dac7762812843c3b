import { RingCells, type StreamState, type Wait } from './cells.js'
import { entryOf, FLAG, HEADER_BYTES, type RingShape, slotAt } from './layout.js'
import { fromCell, toCell } from './sequence.js'
import type { RingSlice, SliceReader } from './slice-reader.js'

/** What a receiver's thread needs to read the ring: plain data, sent once. */
export interface RingTicket {
  readonly buffer: SharedArrayBuffer
  readonly shape: RingShape
  /** Number of this receiver's read cursor. */
  readonly receiver: number
}

/**
 * One receiver's end of the ring. It knows two places: `handed`, the next sequence to hand out, and `released`, the
 * next to give back. The slices between them are in flight: a target may still read their memory.
 *
 * Invariant: released ≤ handed ≤ published.
 */
export class RingReader implements SliceReader {
  readonly #cells: RingCells
  readonly #ticket: RingTicket
  #published: number
  #handed: number
  #released: number

  /**
   * @param start sequence of the first slice to hand out; main has set the cursor to it
   * @throws RangeError when the ticket's memory is smaller than its shape needs
   */
  constructor(ticket: RingTicket, start: number) {
    this.#cells = new RingCells(ticket.buffer, ticket.shape)
    this.#ticket = ticket
    this.#published = start
    this.#handed = start
    this.#released = start
  }

  /** Slices that were handed out and not released. */
  get inFlight(): number {
    return this.#handed - this.#released
  }

  /** Sequence of the next slice to release: all before it are released. */
  get released(): number {
    return this.#released
  }

  /**
   * Hands out the next slice, or undefined when all published slices are handed out.
   * @throws RangeError when main has published less than was handed out
   */
  next(): RingSlice | undefined {
    if (this.#handed === this.#published) {
      const published = fromCell(this.#published, this.#cells.published())
      if (published < this.#handed) {
        throw new RangeError(
          `slices before ${published} are published, those before ${this.#handed} handed out`,
        )
      }
      if (published === this.#handed) return undefined
      this.#published = published
    }
    const { buffer, shape } = this.#ticket
    const sequence = this.#handed++
    const entry = entryOf(shape, sequence)
    const bytes = this.#cells.bytes(entry)
    const flags = this.#cells.flags(entry)
    return {
      sequence,
      frame: new Uint8Array(buffer, slotAt(shape, this.#cells.slot(entry)), HEADER_BYTES + bytes),
      bytes,
      rows: this.#cells.rows(entry),
      continues: (flags & FLAG.continues) !== 0,
      continued: (flags & FLAG.continued) !== 0,
    }
  }

  /**
   * Gives the oldest slice in flight back to the writer, which may overwrite it at once: only after its bytes have left.
   * @throws RangeError when no slice is in flight
   */
  release(): void {
    if (this.#released === this.#handed) throw new RangeError('release without a slice in flight')
    this.#released += 1
    this.#cells.setCursor(this.#ticket.receiver, toCell(this.#released))
  }

  /** Hands out again the slices in flight; for receivers that know their slices did not arrive. */
  rewind(): void {
    this.#handed = this.#released
  }

  /** The state of the stream. Read it before `next()`: if that finds nothing, `ended` means that nothing more will come. */
  state(): StreamState {
    return this.#cells.state()
  }

  /** Value to give to waitForBell: read it before `state()` and `next()`. */
  bell(): number {
    return this.#cells.bell()
  }

  waitForBell(seen: number, boundMs: number): Wait {
    return this.#cells.waitForBell(seen, boundMs)
  }
}
