import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CopyManager, IteratorProducer, NullProducer, NullReceiver } from '../../../../src/index.js'

const state = (message: RegExp) => ({ code: 'COPY_STATE', message })
const BEING_OPENED = state(/open\(\) is under way, await it first/)

test('a call in the middle of another fails with the name of that call, and changes nothing', async () => {
  const manager = new CopyManager(new IteratorProducer([['1\n', '2\n']]), [new NullReceiver()])
  const opening = manager.open()
  await assert.rejects(manager.next(), BEING_OPENED)
  assert.throws(() => manager.attach(new NullReceiver()), BEING_OPENED)
  await assert.rejects(manager.open(), state(/open\(\): the copy is being opened already/))
  await assert.rejects(manager.run(), state(/run\(\): the copy is being opened already/))
  await opening
  await assert.rejects(manager.open(), state(/open\(\): the copy is open already/))
  await assert.rejects(manager.run(), state(/run\(\): the copy is open already/))
  // two loops at once share the turns
  const sums = await Promise.all(
    [1, 2].map(async () => {
      let sum = 0
      for await (const { messages } of manager) sum += messages
      return sum
    }),
  )
  assert.equal(
    sums.reduce((sum, more) => sum + more, 0),
    2,
  )
  await manager.close()
  await assert.rejects(manager.open(), state(/open\(\): the copy is over already/))
})

test('run() twice at once: the second is refused, the first goes on', async () => {
  const manager = new CopyManager(new NullProducer(), [new NullReceiver()])
  const first = manager.run()
  await assert.rejects(manager.run(), state(/run\(\): the copy is being opened already/))
  assert.equal((await first).receivers[0]?.state, 'completed')
})
