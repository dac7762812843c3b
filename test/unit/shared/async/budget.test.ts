import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import { Budget } from '../../../../src/shared/async/budget.js'

let now = 0
beforeEach(() => {
  now = 1000
  mock.restoreAll()
  mock.method(performance, 'now', () => now)
})

test('a budget counts from when it was made', () => {
  const budget = Budget.of(500)
  assert.deepEqual([budget.limitMs, budget.leftMs], [500, 500])
  now += 120
  assert.equal(budget.leftMs, 380)
})

test('a part of a millisecond is rounded up, so that no timer fires early', () => {
  const budget = Budget.of(500)
  now += 0.4
  assert.equal(budget.leftMs, 500)
})

test('a budget that is used up has 1 ms left and never 0, which means no limit', () => {
  const budget = Budget.of(500)
  for (const ms of [499.9, 0.1, 1, 1e9]) {
    now += ms
    assert.equal(budget.leftMs, 1)
  }
})

test('a budget without a limit has 0 left, however long it lasts', () => {
  const budget = Budget.of(0)
  now += 1e9
  assert.equal(budget.leftMs, 0)
})
