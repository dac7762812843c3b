import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchThread } from '../../../../src/main/links/watchdog.js'
import { makeHeartbeat, startHeartbeat } from '../../../../src/shared/liveness/heartbeat.js'
import { countRemains } from '../../../support/remains.js'
import { until } from '../../../support/story.js'

test('a thread without a heartbeat is reported once, a thread with one is not, and no timer stays', async () => {
  const remains = countRemains()
  let told = 0
  const beats = makeHeartbeat()
  const endBeat = startHeartbeat(beats)
  const unwatch = watchThread(beats, 600, () => assert.fail('it beats'))
  watchThread(makeHeartbeat(), 600, () => {
    told += 1
  })
  watchThread(makeHeartbeat(), 0, () => assert.fail('0 is never'))
  const began = performance.now()
  await until(() => told > 0, 'it is told of')
  assert.ok(performance.now() - began >= 500, `after ${performance.now() - began} ms`)
  await sleep(700)
  assert.equal(told, 1)
  endBeat()
  unwatch()
  await remains.assertNoneLeft()
})

test('time in which the main thread could not look is not counted', async () => {
  let told = 0
  const beat = makeHeartbeat()
  const unwatch = watchThread(beat, 2000, () => {
    told += 1
  })
  // as when the process or the machine was stopped: the threads beat no more than this one looked
  for (const end = performance.now() + 4000; performance.now() < end; );
  await sleep(5)
  beat[0] = 1
  await sleep(300)
  unwatch()
  assert.equal(told, 0)
})

test('threads that may wait for a core are given more time', async () => {
  const count = availableParallelism() * 16 * 4
  let told = 0
  for (let i = 0; i < count; i++) {
    watchThread(makeHeartbeat(), 500, () => {
      told += 1
    })
  }
  const began = performance.now()
  await until(() => told > 0, 'the first is told of')
  assert.ok(performance.now() - began >= 1500, `after ${performance.now() - began} ms`)
  await until(() => told === count, 'all are told of')
})
