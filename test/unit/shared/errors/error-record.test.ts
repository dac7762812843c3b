import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromErrorRecord, toErrorRecord } from '../../../../src/shared/errors/error-record.js'
import { CopyError } from '../../../../src/shared/errors/errors.js'

/** The error as it arrives in another thread. */
const sent = (error: unknown): Error => fromErrorRecord(structuredClone(toErrorRecord(error)))

test('a CopyError arrives as a CopyError, with its facts and causes', () => {
  const cause = Object.assign(new TypeError('within'), { code: 'ECONNRESET' })
  const facts = { phase: 'copy', receiver: 'db2', sqlState: '57P01', retryable: true } as const
  const error = sent(new CopyError('COPY_SERVER', 'it is gone', { ...facts, cause })) as CopyError
  assert.ok(error instanceof CopyError)
  assert.equal(error.message, 'it is gone')
  assert.deepEqual({ ...error }, { ...new CopyError('COPY_SERVER', '', facts) })
  const { name, message, code } = error.cause as Error & { code: string }
  assert.deepEqual({ name, message, code }, { name: 'TypeError', message: 'within', code: 'ECONNRESET' })
})

test('so does an error of another copy of the class, e.g. of a module that imports copyman in its thread', async () => {
  const other = (await import(
    `${new URL('../../../../src/shared/errors/errors.js', import.meta.url)}?other`
  )) as {
    readonly CopyError: typeof CopyError
  }
  assert.notEqual(other.CopyError, CopyError)
  const error = sent(new other.CopyError('COPY_SERVER', 'not today', { phase: 'start', sqlState: '42P01' }))
  assert.ok(error instanceof CopyError)
  assert.equal(error.sqlState, '42P01')
})

test('any other error keeps its name and code, and a thrown value that is no error becomes text', () => {
  const error = Object.assign(new RangeError('too much'), { code: 'COPY_THAT' })
  const { name, message, code } = sent(error) as Error & { code: string }
  assert.deepEqual({ name, message, code }, { name: 'RangeError', message: 'too much', code: 'COPY_THAT' })
  assert.match(sent('a word').message, /something was thrown that is no Error: a word/)
})
