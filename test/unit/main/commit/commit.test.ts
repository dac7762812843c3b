import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Commit, type CommitEnd } from '../../../../src/main/commit/commit.js'
import { CopyError } from '../../../../src/shared/errors/errors.js'

test('a COMMIT in doubt is not to be tried again, also where its connection ended just before it was sent', async () => {
  const ends: CommitEnd[] = []
  const commit = new Commit({ commits: true }, undefined, { connect: 1, resolve: 1 }, (end) => ends.push(end))
  const fault = new CopyError('COPY_SERVER', 'terminating connection', {
    phase: 'complete',
    sqlState: '57P01',
  })
  assert.equal(fault.retryable, true)
  commit.failed(fault)
  await commit.over
  const [end] = ends
  assert.ok(end?.state === 'faulted')
  assert.deepEqual([end.fault.code, end.fault.retryable], ['COPY_IN_DOUBT', false])
})
