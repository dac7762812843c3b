import { STREAM_STATE, type StreamState } from '../../shared/ring/cells.js'
import { HEADER_BYTES, slotAt, slotOf } from '../../shared/ring/layout.js'
import { toCell } from '../../shared/ring/sequence.js'
import type { Deframer } from './deframer.js'
import type { RingGate } from './gate.js'
import type { Ring } from './ring.js'
import { SliceTotals } from './slice-totals.js'

const COPY_DATA = 0x64 // 'd'

/** A slot with less room than this is full: reads of a few bytes cost more than the room is worth. */
const MIN_ROOM_BYTES = 128 * 1024
const MIN_ROOM_SHARE = 8

/** How long whole rows may lie unpublished when the source falls silent while every receiver is busy. */
const FLUSH_MS = 5

/**
 * A receiver that waits gets less than this only if nothing was published for EARLY_MS: a server sends its rows in pieces
 * of 8 KiB, and a slice of so little costs each receiver's thread more to wake for than to send.
 */
const EARLY_BYTES = 128 * 1024
const EARLY_MS = 1

/**
 * The writing end of the ring: main thread only, one producer at a time. It fills the slot of `sequence`, which it
 * always owns, and publishes it only when it owns the next one too; so there is always memory for what arrives.
 *
 * In the slot being filled lie payload bytes `[start, out)`, of which `[start, mark)` are whole rows.
 */
export class RingWriter {
  readonly totals: SliceTotals
  readonly #ring: Ring
  readonly #gate: RingGate
  readonly #deframer: Deframer
  readonly #memory: Uint8Array<SharedArrayBuffer>
  readonly #header: DataView
  readonly #minRoom: number
  /** Told after each publish. */
  readonly #published: () => void
  #sequence: number
  #start = 0
  #limit = 0
  #out = 0
  #mark = 0
  #rows = 0
  #flush: NodeJS.Timeout | undefined
  #publishedAt = 0

  constructor(ring: Ring, gate: RingGate, deframer: Deframer, published: () => void) {
    this.#ring = ring
    this.#gate = gate
    this.#deframer = deframer
    this.#published = published
    this.#memory = new Uint8Array(ring.buffer)
    this.#header = new DataView(ring.buffer)
    this.#minRoom = Math.min(MIN_ROOM_BYTES, ring.shape.slotBytes / MIN_ROOM_SHARE)
    this.#sequence = ring.firstSequence
    this.totals = new SliceTotals(ring.shape)
    this.#enter(ring.firstSequence)
  }

  /** Sequence of the slot being filled, which is the number of the next slice to be published. */
  get sequence(): number {
    return this.#sequence
  }

  get memory(): Uint8Array<SharedArrayBuffer> {
    return this.#memory
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

  /** The producer laid payload up to `out`, in which `rows` rows ended, the last of them at `mark`. */
  advance(out: number, mark: number, rows: number): void {
    this.#out = out
    this.#mark = mark
    this.#rows += rows
  }

  /** Whether the slot has no useful room left. One unfinished row may fill it to the last byte, so that it stays whole. */
  get isFull(): boolean {
    const room = this.#limit - this.#out
    return room === 0 || (room < this.#minRoom && this.#mark > this.#start)
  }

  /**
   * Called after each piece of input: publishes when the slot is full or a receiver waits, else sees to it that whole
   * rows do not lie here for long when the source falls silent.
   * @returns false when the slot is full and the ring too: nothing more may be laid before `space()`
   */
  offer(): boolean {
    if (this.isFull) return this.publish()
    // a receiver that waits may find the ring held by another: then the silence brings it
    if (this.#rows > 0 && !(this.#isWorthWaking && this.publish())) this.#armFlush()
    return true
  }

  /** Whether a receiver waits, and for enough, or long enough. */
  get #isWorthWaking(): boolean {
    if (!this.#gate.anyIdle(this.#sequence)) return false
    return this.#mark - this.#start >= EARLY_BYTES || performance.now() - this.#publishedAt >= EARLY_MS
  }

  /**
   * Publishes the whole rows of the slot, or, of a row larger than a slot, as much as there is.
   * @returns false when the next slot is not free yet
   */
  publish(): boolean {
    const continues = this.#mark === this.#start && this.#rows === 0
    if (continues && this.#out < this.#limit) return true
    if (!this.#gate.isFree(this.#sequence + 1)) return false
    // a read may still be due into the rest of this slot: with the unfinished row it fits into the next one, since both
    // lie behind `mark` here, and this slot is not claimed again before that read has come
    const end = continues ? this.#out : this.#mark
    const rest = this.#out - end
    const bytes = end - this.#start
    const { shape, cells } = this.#ring
    this.#memory[this.#start - HEADER_BYTES] = COPY_DATA
    this.#header.setInt32(this.#start - HEADER_BYTES + 1, bytes + 4)
    cells.describe(slotOf(shape, this.#sequence), bytes, this.#rows, continues)
    this.totals.add(this.#sequence, this.#rows, bytes)
    this.#enter(this.#sequence + 1)
    if (rest > 0) this.#deframer.move(this.#start, end, rest)
    this.#out += rest
    this.#sequence += 1
    this.#publishedAt = performance.now()
    // the last store: everything of this slot is in place
    cells.publish(toCell(this.#sequence))
    this.#published()
    return true
  }

  /** Waits until the full slot could be published; at most until `wake()` of the gate when `isStopped` says so. */
  async space(isStopped: () => boolean): Promise<void> {
    while (!isStopped() && !(this.isFull ? this.publish() : true)) await this.#gate.change(this.#sequence + 1)
  }

  /** Publishes all whole rows, waiting for room where needed. At the end of a pass nothing else may be left. */
  async drain(isStopped: () => boolean): Promise<void> {
    while (!isStopped() && this.#rows > 0 && !this.publish()) await this.#gate.change(this.#sequence + 1)
  }

  setState(state: StreamState): void {
    this.stopFlush()
    if (state === STREAM_STATE.open) this.totals.reset()
    this.#ring.cells.setState(state)
  }

  stopFlush(): void {
    clearTimeout(this.#flush)
    this.#flush = undefined
  }

  #enter(sequence: number): void {
    const at = slotAt(this.#ring.shape, sequence)
    this.#start = at + HEADER_BYTES
    this.#limit = at + this.#ring.shape.slotBytes
    this.#out = this.#start
    this.#mark = this.#start
    this.#rows = 0
  }

  #armFlush(): void {
    this.#flush ??= setTimeout(() => {
      this.#flush = undefined
      if (this.#rows > 0 && !this.publish()) this.#armFlush()
    }, FLUSH_MS)
  }
}
