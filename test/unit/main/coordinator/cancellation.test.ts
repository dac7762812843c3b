import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CopyAborted,
  CopyManager,
  IteratorProducer,
  NullProducer,
  NullReceiver,
  WorkerPool,
} from '../../../../src/index.js'
import { countRemains } from '../../../support/remains.js'

const silent = async function* (): AsyncGenerator<string[]> {
  yield ['first\n']
  await new Promise(() => undefined)
}

test('a copy that waits for threads is aborted by its signal, and closed by close()', async () => {
  await using pool = new WorkerPool({ threads: 1 })
  const holder = new CopyManager(new IteratorProducer(silent()), [new NullReceiver()], { pool })
  await holder.open()
  const reason = new Error('enough')
  const controller = new AbortController()
  const waiting = new CopyManager(new NullProducer(), [new NullReceiver()], {
    pool,
    signal: controller.signal,
  })
  const isAborted = (error: unknown): boolean => error instanceof CopyAborted && error.cause === reason
  const opening = assert.rejects(waiting.open(), isAborted)
  controller.abort(reason)
  await opening

  const closed = new CopyManager(new NullProducer(), [new NullReceiver()], { pool })
  const opened = assert.rejects(closed.open(), CopyAborted)
  await assert.rejects(closed.close(), CopyAborted)
  await opened

  await assert.rejects(holder.close(), CopyAborted)
  const last = new CopyManager(new NullProducer(), [new NullReceiver()], { pool })
  assert.deepEqual((await last.run()).receivers[0]?.state, 'completed')
})

test('close() ends a turn of the loop that is under way, though the source never says a word', async () => {
  const remains = countRemains()
  const manager = new CopyManager(new IteratorProducer(silent()), [new NullReceiver()])
  await manager.open()
  await manager.next()
  const turn = assert.rejects(manager.next(), CopyAborted)
  await new Promise(setImmediate)
  await assert.rejects(manager.close(), CopyAborted)
  await turn
  await manager.close()
  await manager[Symbol.asyncDispose]()
  await assert.rejects(manager.next(), /the copy is over/)
  await assert.rejects(manager.open(), /open\(\): the copy is over already/)
  await remains.assertNoneLeft()
})

test('a manager that was never opened is closed without a word', async () => {
  const remains = countRemains()
  const manager = new CopyManager(new NullProducer(), [new NullReceiver()])
  await manager.close()
  await assert.rejects(manager.open(), /open\(\): the copy is over already/)
  await remains.assertNoneLeft()
})
