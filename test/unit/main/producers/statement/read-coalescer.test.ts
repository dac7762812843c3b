import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadCoalescer } from '../../../../../src/main/producers/statement/read-coalescer.js'

const PIECE = 8192
const MUCH = 200_000

/** The pauses after reads of these sizes, `everyMs` from each other. */
const pauses = (sizes: readonly number[], everyMs: number, room = 1_000_000): number[] => {
  const coalescer = new ReadCoalescer()
  return sizes.map((bytes, i) => coalescer.pauseBeforeNextRead(bytes, room, 1000 + i * everyMs))
}
const total = (sizes: readonly number[], everyMs: number): number =>
  pauses(sizes, everyMs).reduce((sum, pause) => sum + pause, 0)

test('a stream of small pieces gets pauses, once it is recognised as a stream', () => {
  const [first, ...others] = pauses(Array(20).fill(PIECE), 0.1)
    .map((pause) => pause > 0)
    .reverse()
  assert.equal(first, true)
  assert.equal(others.at(-1), false)
})

test('bytes that gathered during a pause do not end the pauses', () => {
  const sizes = [...Array(16).fill(PIECE), ...Array.from({ length: 20 }, () => [MUCH, PIECE]).flat()]
  assert.deepEqual(
    pauses(sizes, 0.5).slice(15),
    sizes.slice(15).map((bytes) => (bytes === PIECE ? 1 : 0)),
  )
})

test('a source that fills its reads is not kept waiting, though some of them are small', () => {
  assert.equal(total(Array(1000).fill(MUCH), 0.1), 0)
  assert.equal(total(Array.from({ length: 100 }, () => [...Array(15).fill(PIECE), MUCH]).flat(), 0.1), 0)
})

test('a source that fills the little room there is, as in small slots, is not kept waiting', () => {
  assert.deepEqual([...new Set(pauses(Array(1000).fill(4096), 0.1, 4096))], [0])
})

test('a source that speaks seldom is not kept waiting', () => {
  assert.equal(total(Array(100).fill(PIECE), 6), 0)
})
