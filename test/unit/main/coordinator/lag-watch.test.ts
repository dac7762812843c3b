import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LagMeter } from '../../../../src/main/coordinator/lag-watch.js'

test('a receiver that holds up the others without a break is too slow after the limit, and then begins at 0 again', () => {
  const meter = new LagMeter<string>(1000)
  for (let turn = 0; turn < 2; turn++) {
    for (let i = 0; i < 4; i++) assert.deepEqual(meter.look(['slow'], 250), [])
    assert.deepEqual(meter.look(['slow'], 250), ['slow'])
  }
})

test('time in which a receiver holds up no other counts down as fast: short pauses are forgiven', () => {
  const meter = new LagMeter<string>(1000)
  for (let hour = 0; hour < 3600; hour++) {
    assert.deepEqual(meter.look(['hiccup'], 900), [])
    assert.deepEqual(meter.look([], 900), [])
  }
  for (let i = 0; i < 1000; i++) {
    assert.deepEqual(meter.look(['half as fast'], 100), [])
    assert.deepEqual(meter.look([], 100), [])
  }
})

test('less than half as fast as the others is too slow in the end', () => {
  const meter = new LagMeter<string>(1000)
  let looks = 0
  while (meter.look(['slow'], 150).length === 0) {
    meter.look([], 50)
    looks += 1
    assert.ok(looks < 20)
  }
  assert.ok(looks >= 8, `after ${looks} looks`)
})

test('each is measured on its own, several at once', () => {
  const meter = new LagMeter<string>(1000)
  meter.look(['a'], 600)
  assert.deepEqual(meter.look(['a', 'b'], 600), ['a'])
  assert.deepEqual(meter.look(['b'], 300), [])
  assert.deepEqual(meter.look(['a', 'b'], 300), ['b'])
})
