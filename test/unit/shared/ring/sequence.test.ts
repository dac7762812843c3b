import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromCell, toCell } from '../../../../src/shared/ring/sequence.js'
import { seeded } from '../../../support/seed.js'

const sequence = fc.oneof(
  fc.maxSafeNat(),
  ...[0, 2 ** 31, 2 ** 32, 3 * 2 ** 31, 2 ** 33, 2 ** 52].map((edge) =>
    fc.integer({ min: Math.max(0, edge - 5), max: edge + 5 }),
  ),
)

test('a cell holds the low 32 bits as an Int32Array does', (t) => {
  fc.assert(
    fc.property(sequence, (sequence) => {
      assert.equal(toCell(sequence), Number(BigInt.asIntN(32, BigInt(sequence))))
      assert.equal(new Int32Array([toCell(sequence)])[0], toCell(sequence))
    }),
    seeded(t, 2000),
  )
})

test('a cell less than 2^31 away stands for its full sequence', (t) => {
  const distance = fc.oneof(
    fc.integer({ min: 1 - 2 ** 31, max: 2 ** 31 - 1 }),
    fc.constantFrom(0, 1, -1, 2 ** 31 - 1, 1 - 2 ** 31),
  )
  fc.assert(
    fc.property(sequence, distance, (near, distance) => {
      const wanted = near + distance
      fc.pre(wanted >= 0 && wanted <= Number.MAX_SAFE_INTEGER)
      assert.equal(fromCell(near, toCell(wanted)), wanted)
    }),
    seeded(t, 2000),
  )
})

test('a counter that is followed by its cell alone stays right from below 2^31 to above 2^32', () => {
  let known = 2 ** 31 - 10
  for (let sequence = known; sequence < 2 ** 32 + 10; sequence += 99_999_989) {
    known = fromCell(known, toCell(sequence))
    assert.equal(known, sequence)
  }
})
