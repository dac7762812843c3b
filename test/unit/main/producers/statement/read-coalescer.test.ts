import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReadCoalescer } from '../../../../../src/main/producers/statement/read-coalescer.js'

const PIECE = 8192
const MUCH = 200_000

/** The rests behind reads of these sizes, `everyMs` from each other. */
const rests = (sizes: readonly number[], everyMs: number, room = 1_000_000): number[] => {
  const pace = new ReadCoalescer()
  return sizes.map((bytes, i) => pace.pauseBeforeNextRead(bytes, room, 1000 + i * everyMs))
}
const total = (sizes: readonly number[], everyMs: number): number =>
  rests(sizes, everyMs).reduce((sum, rest) => sum + rest, 0)

test('a stream of small pieces is given rests, once it is known for one', () => {
  const [first, ...others] = rests(Array(20).fill(PIECE), 0.1)
    .map((rest) => rest > 0)
    .reverse()
  assert.equal(first, true)
  assert.equal(others.at(-1), false)
})

test('what gathered during a rest does not end the rests', () => {
  const sizes = [...Array(16).fill(PIECE), ...Array.from({ length: 20 }, () => [MUCH, PIECE]).flat()]
  assert.deepEqual(
    rests(sizes, 0.5).slice(15),
    sizes.slice(15).map((bytes) => (bytes === PIECE ? 1 : 0)),
  )
})

test('a source that fills its reads is not kept waiting, though some of them are small', () => {
  assert.equal(total(Array(1000).fill(MUCH), 0.1), 0)
  assert.equal(total(Array.from({ length: 100 }, () => [...Array(15).fill(PIECE), MUCH]).flat(), 0.1), 0)
})

test('a source that fills the little room there is, as in small slots, is not kept waiting', () => {
  assert.deepEqual([...new Set(rests(Array(1000).fill(4096), 0.1, 4096))], [0])
})

test('a source that speaks seldom is not kept waiting', () => {
  assert.equal(total(Array(100).fill(PIECE), 6), 0)
})
