import assert from 'node:assert/strict'
import type { RingParts } from '../../src/main/ring/make-ring.js'
import { HEADER_BYTES } from '../../src/shared/ring/layout.js'
import { RingReader } from '../../src/shared/ring/reader.js'
import { toCell } from '../../src/shared/ring/sequence.js'
import type { RingSlice } from '../../src/shared/ring/slice-reader.js'
import { rowEnds } from './wire.js'

interface Taken {
  readonly payload: Buffer
  readonly rows: number
  readonly continues: boolean
  readonly continued: boolean
}

/** A receiver in the test's own thread: takes slices, may keep many in flight, compares each again before its release. */
export class SliceTaker {
  readonly taken: Taken[] = []
  readonly reader: RingReader
  readonly #parts: RingParts
  readonly #inFlight: { slice: RingSlice; copy: Buffer }[] = []
  #next: number

  constructor(parts: RingParts, start = parts.writer.sequence) {
    const ticket = parts.ring.ticket()
    parts.ring.cells.setCursor(ticket.receiver, toCell(start))
    parts.gate.add(ticket.receiver, start)
    this.reader = new RingReader(ticket, start)
    this.#parts = parts
    this.#next = start
  }

  /** @returns whether there was a slice */
  take(): boolean {
    const slice = this.reader.next()
    if (slice === undefined) return false
    assert.equal(slice.sequence, this.#next)
    this.#next += 1
    const copy = Buffer.from(slice.frame)
    assert.equal(copy.toString('latin1', 0, 1), 'd')
    assert.equal(copy.readInt32BE(1), slice.bytes + 4)
    this.#inFlight.push({ slice, copy })
    const { rows, continues, continued } = slice
    this.taken.push({ payload: copy.subarray(HEADER_BYTES), rows, continues, continued })
    return true
  }

  /** Releases the oldest slice, if there is one. */
  release(): void {
    const oldest = this.#inFlight.shift()
    if (oldest === undefined) return
    assert.ok(oldest.copy.equals(oldest.slice.frame), `slice ${oldest.slice.sequence} changed in flight`)
    this.reader.release()
  }

  /** Takes and releases all published slices; the caller's loop has taken them too. */
  all(): void {
    this.#parts.gate.take(this.#parts.writer.sequence)
    while (this.take());
    while (this.#inFlight.length > 0) this.release()
  }

  get text(): string {
    return Buffer.concat(this.taken.map(({ payload }) => payload)).toString('latin1')
  }
}

/** Gives the free slots back in another order. */
export const shuffleFree = ({ table: { free } }: RingParts, random: () => number): void => {
  const slots = Array.from({ length: free.count }, () => free.take())
  while (slots.length > 0) free.give(slots.splice(Math.floor(random() * slots.length), 1)[0] as number)
}

/** The slices hold exactly these rows, each row that fits a slot whole. */
export const checkSlices = (
  taken: readonly Taken[],
  rows: readonly Uint8Array[],
  slotBytes: number,
): void => {
  const payload = Buffer.concat(taken.map((slice) => slice.payload))
  assert.ok(payload.equals(Buffer.concat(rows)), 'payload differs')
  const ends = [0, ...rowEnds(rows)]
  let at = 0
  let ended = 0
  for (const slice of taken) {
    assert.equal(slice.continued, at !== ends[ended], `slice begins at ${at}, row ${ended} at ${ends[ended]}`)
    at += slice.payload.length
    ended += slice.rows
    const end = ends[ended] as number
    assert.equal(slice.continues, at !== end, `slice ends at ${at}, row ${ended} at ${end}`)
    if (slice.continues) {
      const row = rows[ended] as Uint8Array
      assert.equal(slice.rows, 0)
      assert.ok(row.length > slotBytes - HEADER_BYTES, `a row of ${row.length} bytes was cut`)
      assert.ok(at > end && at < end + row.length)
    }
  }
  assert.equal(ended, rows.length)
}
