import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { mock, test } from 'node:test'
import { abortable, cancelAfter, settlesWithin, withDeadline } from '../../../../src/shared/async/deadline.js'

const never = new Promise<never>(() => undefined)
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

test('abortable gives the result of the work, or the reason of the signal', async () => {
  const controller = new AbortController()
  assert.equal(await abortable(Promise.resolve(1), controller.signal), 1)
  const waiting = abortable(never, controller.signal)
  controller.abort('enough')
  await assert.rejects(waiting, (reason) => reason === 'enough')
  await assert.rejects(abortable(never, controller.signal), (reason) => reason === 'enough')
  assert.equal(listeners(controller.signal), 0)
})

test('settlesWithin returns whether the work settled in time, also by a rejection', async () => {
  assert.equal(await settlesWithin(Promise.resolve(), 1000), true)
  assert.equal(await settlesWithin(Promise.reject(new Error('no')), 1000), true)
  assert.equal(await settlesWithin(never, 1), false)
})

test('withDeadline fails by the error that is made when the limit has passed, and not before', async () => {
  let made = 0
  const late = (): Error => {
    made += 1
    return new Error('late')
  }
  assert.equal(await withDeadline(Promise.resolve(1), 1000, late), 1)
  assert.equal(await withDeadline(Promise.resolve(1), 0, late), 1)
  await assert.rejects(withDeadline(Promise.reject(new Error('its own')), 1000, late), /its own/)
  assert.equal(made, 0)
  await assert.rejects(withDeadline(never, 1, late), /late/)
  assert.equal(made, 1)
})

test('cancelAfter cancels once, by the limit or by the signal, and not after its end', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const controller = new AbortController()
    const { signal } = controller
    const cancel = mock.fn()
    const calls = (): number => cancel.mock.callCount()
    cancelAfter(100, signal, cancel)()
    mock.timers.tick(100)
    assert.deepEqual([calls(), listeners(signal)], [0, 0])
    cancelAfter(100, signal, cancel)
    mock.timers.tick(99)
    assert.equal(calls(), 0)
    mock.timers.tick(1)
    assert.deepEqual([calls(), listeners(signal)], [1, 0])
    cancelAfter(0, signal, cancel)
    mock.timers.tick(2 ** 30)
    assert.equal(calls(), 1)
    cancelAfter(100, signal, cancel)
    controller.abort()
    mock.timers.tick(100)
    assert.equal(calls(), 3)
    cancelAfter(100, signal, cancel)
    mock.timers.tick(100)
    assert.deepEqual([calls(), listeners(signal)], [4, 0])
  } finally {
    mock.timers.reset()
  }
})
