import assert from 'node:assert/strict'
import { STOP } from '../../../src/main/ring/deframer.js'
import { rowEnds, rowsIn, type WireItem, wireOf } from '../../support/wire.js'
import type { KernelAndTwin } from './kernel-and-twin.js'

/** Two regions for payload, which take turns as slots do, and one for bytes that come from elsewhere. */
const REGIONS_AT = [4096, 20_000] as const
const ELSEWHERE_AT = 40_000
/** Most bytes of a region and of a read. */
export const REGION_BYTES = 1024

export interface Drive {
  readonly items: readonly WireItem[]
  /** Sizes of the reads, taken in turn. */
  readonly reads: readonly number[]
  /** How many bytes after the payload each read is put, in turn; undefined for elsewhere. */
  readonly gaps: readonly (number | undefined)[]
  /** Bytes of a payload region. */
  readonly room: number
}

/** Runs a stream through the kernel and its twin, and checks that the rows came out whole and in order. */
export const drive = (pair: KernelAndTwin, { items, reads, gaps, room }: Drive): void => {
  pair.begin()
  const wire = wireOf(items)
  const asides = items.filter(({ isRow }) => !isRow)
  const rows = rowsIn(items)
  const ends = [0, ...rowEnds(rows)]
  const payload: Buffer[] = []
  let laid = 0
  let ended = 0
  let region = 0
  let base: number = REGIONS_AT[0]
  let out = base
  let mark = base
  let at = 0
  for (let turn = 0; at < wire.length; turn += 1) {
    const gap = gaps[turn % gaps.length]
    const inPlace = gap !== undefined && out + gap < base + room
    const src = inPlace ? out + gap : ELSEWHERE_AT
    const most = inPlace ? base + room - src : REGION_BYTES
    const bytes = wire.subarray(at, at + Math.min(reads[turn % reads.length] as number, most))
    pair.put(src, bytes)
    const told = pair.deframe(src, src + bytes.length, out, base + room, mark)
    payload.push(Buffer.from(pair.memory.subarray(out, told.out)))
    laid += told.out - out
    ended += told.rows
    if (told.rows === 0) assert.equal(told.rowEnd, mark)
    else assert.equal(laid - (told.out - told.rowEnd), ends[ended])
    at += told.next - src
    out = told.out
    mark = told.rowEnd
    if (told.stop === STOP.message) {
      const aside = asides.shift()?.bytes as Buffer
      assert.deepEqual(wire.subarray(at, at + aside.length), aside)
      at += aside.length
    } else if (told.stop === STOP.noRoom) {
      region = 1 - region
      base = REGIONS_AT[region] as number
      out = base
      mark = base
    } else {
      assert.equal(told.stop, STOP.consumed)
      assert.equal(told.next, src + bytes.length)
    }
  }
  assert.equal(asides.length, 0)
  assert.equal(ended, rows.length)
  assert.ok(Buffer.concat(payload).equals(Buffer.concat(rows)))
}
