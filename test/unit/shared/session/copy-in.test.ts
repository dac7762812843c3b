import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runStatements } from '../../../../src/shared/session/copy-in.js'

test('a receiver that is aborted between two statements does not run the second', async () => {
  const stop = new AbortController()
  const run: string[] = []
  const session = {
    async query(text: string) {
      run.push(text)
      // as by a cancel request that comes too late for this statement
      stop.abort()
      return [[text]]
    },
    fault: () => assert.fail('no fault'),
  }
  await assert.rejects(runStatements(session, ['one', 'two'], 'start', stop.signal), { name: 'AbortError' })
  assert.deepEqual(run, ['one'])
  assert.deepEqual(await runStatements(session, ['one'], 'start', new AbortController().signal), [['one']])
})
