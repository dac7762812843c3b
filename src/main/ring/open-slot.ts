import { HEADER_BYTES, slotAt } from '../../shared/ring/layout.js'
import type { Deframer } from './deframer.js'
import type { Ring } from './ring.js'

const COPY_DATA = 0x64 // 'd'

/** A slot with less room than this is full: reads of a few bytes cost more than the room is worth. */
const MIN_ROOM_BYTES = 128 * 1024
const MIN_ROOM_SHARE = 8

/**
 * The slot that one stream fills: payload bytes lie at `[start, out)`, of which `[start, mark)` are whole rows; the slot
 * ends at `limit`. Addresses are of the ring's memory. Main thread only. The writer decides which slot that is, and when
 * it is published.
 */
export class OpenSlot {
  /** The ring's memory. */
  readonly memory: Uint8Array<SharedArrayBuffer>
  readonly #ring: Ring
  readonly #header: DataView
  readonly #minRoom: number
  #slot = 0
  #start = 0
  #limit = 0
  #out = 0
  #mark = 0
  #rows = 0

  /** @param slot the free slot to be filled first */
  constructor(ring: Ring, slot: number) {
    this.#ring = ring
    this.memory = new Uint8Array(ring.buffer)
    this.#header = new DataView(ring.buffer)
    this.#minRoom = Math.min(MIN_ROOM_BYTES, ring.shape.slotBytes / MIN_ROOM_SHARE)
    this.enter(slot)
  }

  /** Number of the slot. */
  get slot(): number {
    return this.#slot
  }

  /** Address where the next payload byte goes. */
  get out(): number {
    return this.#out
  }

  /** Address after the slot's last byte. */
  get limit(): number {
    return this.#limit
  }

  /** Address after the last whole row. */
  get mark(): number {
    return this.#mark
  }

  /** Rows that ended in this slot. */
  get rows(): number {
    return this.#rows
  }

  /** Bytes of whole rows. */
  get wholeBytes(): number {
    return this.#mark - this.#start
  }

  /** Bytes that may still be laid. */
  get room(): number {
    return this.#limit - this.#out
  }

  /** Whether the slot holds no row's end: nothing, or a piece of one row. */
  get isInsideRow(): boolean {
    return this.#mark === this.#start && this.#rows === 0
  }

  /** Whether the slot has no useful room left. One unfinished row may fill it to the last byte, so that it stays whole. */
  get isFull(): boolean {
    return this.room === 0 || (this.room < this.#minRoom && this.#mark > this.#start)
  }

  /** Begins an empty slot. */
  enter(slot: number): void {
    const { shape } = this.#ring
    const at = slotAt(shape, slot)
    this.#slot = slot
    this.#start = at + HEADER_BYTES
    this.#limit = at + shape.slotBytes
    this.#out = this.#start
    this.#mark = this.#start
    this.#rows = 0
  }

  /** Payload was laid up to `out`, in which `rows` rows ended, the last of them at `mark`. */
  advance(out: number, mark: number, rows: number): void {
    this.#out = out
    this.#mark = mark
    this.#rows += rows
  }

  /** Copies bytes, which must fit the room. @param endsRow whether they end a row */
  lay(bytes: Uint8Array, endsRow: boolean): void {
    this.memory.set(bytes, this.#out)
    const out = this.#out + bytes.length
    this.advance(out, endsRow ? out : this.#mark, endsRow ? 1 : 0)
  }

  /** Lays the payload of the CopyData frames at `[src, end)`. @returns as Deframer.deframe */
  deframe(deframer: Deframer, src: number, end: number): number {
    const next = deframer.deframe(src, end, this.#out, this.#limit, this.#mark)
    this.advance(deframer.out, deframer.rowEnd, deframer.rows)
    return next
  }

  /** Writes the CopyData header of a payload of this many bytes. */
  writeHeader(bytes: number): void {
    this.memory[this.#start - HEADER_BYTES] = COPY_DATA
    this.#header.setInt32(this.#start - HEADER_BYTES + 1, bytes + 4)
  }
}
