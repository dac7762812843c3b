import { RingCells, type StreamState, type Wait } from './cells.js'
import { HEADER_BYTES, type RingShape, slotAt, slotOf } from './layout.js'
import { fromCell, toCell } from './sequence.js'

/** What a receiver's thread needs to read the ring: plain data, sent once. */
export interface RingTicket {
  readonly buffer: SharedArrayBuffer
  readonly shape: RingShape
  /** Which read cursor is this receiver's. */
  readonly receiver: number
}

/** One slice as a receiver sees it. Its memory is the slot itself: valid until the slice is released. */
export interface RingSlice {
  readonly sequence: number
  /** CopyData header and payload, one contiguous wire message. */
  readonly frame: Uint8Array<SharedArrayBuffer>
  /** Payload bytes: frame less its header. */
  readonly bytes: number
  /** Rows (CopyData messages of the producer) that end in this slice. */
  readonly rows: number
  /** Whether the last row goes on in the next slice. */
  readonly continues: boolean
}

/**
 * One receiver's end of the ring. It knows two places: `handed`, the next sequence to hand out, and `released`, the
 * next to give back. What lies between is in flight: its memory must not be let go before it has left.
 */
export class RingReader {
  readonly #cells: RingCells
  readonly #ticket: RingTicket
  #published: number
  #handed: number
  #released: number

  /** @param start sequence of the first slice to hand out; main has set the cursor to it */
  constructor(ticket: RingTicket, start: number) {
    this.#cells = new RingCells(ticket.buffer, ticket.shape)
    this.#ticket = ticket
    this.#published = start
    this.#handed = start
    this.#released = start
  }

  get inFlight(): number {
    return this.#handed - this.#released
  }

  get released(): number {
    return this.#released
  }

  /** Hands out the next slice, or undefined when all that is published is handed out. */
  next(): RingSlice | undefined {
    if (this.#handed === this.#published) {
      this.#published = fromCell(this.#published, this.#cells.published())
      if (this.#handed === this.#published) return undefined
    }
    const { buffer, shape } = this.#ticket
    const sequence = this.#handed++
    const slot = slotOf(shape, sequence)
    const bytes = this.#cells.bytes(slot)
    return {
      sequence,
      frame: new Uint8Array(buffer, slotAt(shape, sequence), HEADER_BYTES + bytes),
      bytes,
      rows: this.#cells.rows(slot),
      continues: this.#cells.continues(slot),
    }
  }

  /** Gives the oldest slice in flight back to the writer, which overwrites it at once: only after its bytes have left. */
  release(): void {
    if (this.#released === this.#handed) throw new RangeError('release without a slice in flight')
    this.#released += 1
    this.#cells.setCursor(this.#ticket.receiver, toCell(this.#released))
  }

  /** Hands out again what is in flight; for receivers that know their slices did not arrive. */
  rewind(): void {
    this.#handed = this.#released
  }

  /** The state of the stream, read before `next()` found nothing: `ended` then means that nothing more will come. */
  state(): StreamState {
    return this.#cells.state()
  }

  bell(): number {
    return this.#cells.bell()
  }

  waitForBell(seen: number, boundMs: number): Wait {
    return this.#cells.waitForBell(seen, boundMs)
  }
}
