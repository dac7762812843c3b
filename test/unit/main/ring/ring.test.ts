import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ring, type RingOptions, ringShape } from '../../../../src/main/ring/ring.js'
import { CopyError } from '../../../../src/shared/errors/errors.js'
import { MAX_RECEIVERS, RING_LIMITS, ringBytes } from '../../../../src/shared/ring/layout.js'

const refused = (options: RingOptions, ...words: (string | number)[]): void => {
  assert.throws(
    () => ringShape(options),
    (error: unknown) => {
      assert.ok(error instanceof CopyError)
      assert.equal(error.code, 'COPY_OPTION')
      for (const word of words) assert.ok(error.message.includes(String(word)), `${error.message}: ${word}?`)
      return true
    },
  )
}

for (const name of ['slots', 'slotBytes'] as const) {
  const { min, max } = RING_LIMITS[name]
  for (const value of [0, -1, 1.5, Number.NaN, 1e12, Number.POSITIVE_INFINITY, -0, min - 1, max + 1]) {
    test(`ring.${name} of ${value} is refused with its range`, () => {
      refused({ [name]: value }, `ring.${name}`, min, max, `not ${value}`)
    })
  }
  for (const value of ['64', null, {}, true, 64n]) {
    test(`ring.${name} of type ${value === null ? 'null' : typeof value} is refused with its range`, () => {
      refused({ [name]: value } as unknown as RingOptions, `ring.${name}`, min, max)
    })
  }
}

test('a ring larger than its memory may be is refused with both sizes', () => {
  const options = { slots: 4096, slotBytes: 64 * 1024 * 1024 }
  refused(options, 'ring.slots', 'ring.slotBytes', ringBytes(options), 2 ** 30)
  refused({ slots: 1024, slotBytes: 1024 * 1024 }, 'ring.slots', 'ring.slotBytes')
  refused({ slots: 4096 }, 'ring.slots', 'ring.slotBytes')
})

test('1 GiB less 1 MiB is legal in all its shapes', () => {
  for (const slots of [1023, 341, 93, 33]) {
    const shape = { slots, slotBytes: Math.floor((2 ** 30 - 2 ** 20) / slots) }
    assert.deepEqual(ringShape(shape), shape)
    assert.ok(ringBytes(shape) <= 2 ** 30)
  }
})

test('missing options are 16 slots of 2 MiB', () => {
  const both = { slots: 16, slotBytes: 2 * 1024 * 1024 }
  assert.deepEqual(ringShape(), both)
  assert.deepEqual(ringShape({}), both)
  assert.deepEqual(ringShape({ slots: 2 }), { ...both, slots: 2 })
  assert.deepEqual(ringShape({ slotBytes: 64 }), { ...both, slotBytes: 64 })
})

test('each receiver gets a cursor of its own, and there is a last one', () => {
  const ring = new Ring({ slots: 2, slotBytes: 64 })
  const receivers = Array.from({ length: MAX_RECEIVERS }, () => ring.ticket().receiver)
  assert.equal(new Set(receivers).size, MAX_RECEIVERS)
  assert.throws(() => ring.ticket(), { code: 'COPY_OPTION', message: /1024 receivers/ })
})
