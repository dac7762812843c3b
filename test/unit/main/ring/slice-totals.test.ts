import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SliceTotals } from '../../../../src/main/ring/slice-totals.js'
import { seeded } from '../../../support/seed.js'

test('before the first slice there is nothing', () => {
  const totals = new SliceTotals({ slots: 2, slotBytes: 64 })
  assert.deepEqual(totals.before(0), { messages: 0, bytes: 0 })
  assert.deepEqual(totals.before(17), { messages: 0, bytes: 0 })
})

test('for every cursor at most one ring before the writer, the totals are those of the released slices', (t) => {
  const slices = fc.array(fc.tuple(fc.nat(50), fc.nat(5000)), { minLength: 1, size: 'max', maxLength: 40 })
  const first = fc.constantFrom(0, 5, 2 ** 31 - 3, 2 ** 32 - 3)
  fc.assert(
    fc.property(slices, first, fc.integer({ min: 2, max: 9 }), (slices, first, slots) => {
      const totals = new SliceTotals({ slots, slotBytes: 64 })
      const sums = [{ messages: 0, bytes: 0 }]
      for (const [at, [messages, bytes]] of slices.entries()) {
        totals.add(first + at, messages, bytes)
        const before = sums[at] as { messages: number; bytes: number }
        sums.push({ messages: before.messages + messages, bytes: before.bytes + bytes })
        for (let cursor = Math.max(0, at + 2 - slots); cursor <= at + 1; cursor += 1)
          assert.deepEqual(totals.before(first + cursor), sums[cursor])
      }
      assert.deepEqual({ messages: totals.messages, bytes: totals.bytes }, sums.at(-1))
    }),
    seeded(t, 300),
  )
})

test('another pass begins at nothing', () => {
  const totals = new SliceTotals({ slots: 3, slotBytes: 64 })
  totals.add(0, 2, 20)
  totals.reset()
  assert.deepEqual(totals.before(1), { messages: 0, bytes: 0 })
  totals.add(1, 3, 30)
  assert.deepEqual(totals.before(1), { messages: 0, bytes: 0 })
  assert.deepEqual(totals.before(2), { messages: 3, bytes: 30 })
})
