import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FreeSlots } from '../../../../src/main/ring/free-slots.js'

test('every slot is free at first and is taken once', () => {
  const free = new FreeSlots(5)
  assert.equal(free.count, 5)
  const taken = new Set(Array.from({ length: 5 }, () => free.take()))
  assert.deepEqual([...taken].sort(), [0, 1, 2, 3, 4])
  assert.equal(free.count, 0)
  assert.throws(() => free.take(), new RangeError('no slot is free'))
})

test('a slot that was given back can be taken again', () => {
  const free = new FreeSlots(2)
  const [first, second] = [free.take(), free.take()]
  free.give(first)
  assert.equal(free.take(), first)
  free.give(second)
  free.give(first)
  assert.equal(free.count, 2)
})

test('a slot that is free, or that does not exist, cannot be given back', () => {
  const free = new FreeSlots(2)
  const slot = free.take()
  free.give(slot)
  for (const wrong of [slot, 1 - slot, 2, -1, 0.5]) assert.throws(() => free.give(wrong), RangeError)
  assert.equal(free.count, 2)
})
