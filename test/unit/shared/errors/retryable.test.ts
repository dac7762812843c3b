import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromErrorRecord, toErrorRecord } from '../../../../src/shared/errors/error-record.js'
import {
  CopyError,
  type CopyErrorFacts,
  CopyFailed,
  ProducerFault,
  ReceiverFault,
} from '../../../../src/shared/errors/errors.js'

const CODED = (code: string): Error => Object.assign(new Error(`connect ${code} 127.0.0.1:5432`), { code })

test('a server error is retryable only by its SQLSTATE', () => {
  const transient = ['57P01', '57P02', '57P03', '53300', '40001', '40P01']
  const permanent = [
    ...['23505', '23502', '23503', '22P02', '22012', '42501', '42P01', '0A000', 'XX000'],
    ...['53100', '53200', '57014', '57P04', '28P01', '28000', '3D000', '25006', '25P02', '55P03'],
  ]
  for (const sqlState of [...transient, ...permanent]) {
    for (const phase of ['start', 'copy', 'complete'] as const)
      assert.equal(
        new CopyError('COPY_SERVER', 'no', { sqlState, phase }).retryable,
        transient.includes(sqlState),
        sqlState,
      )
    assert.equal(
      new CopyError('COPY_CONNECT', 'no', { sqlState, phase: 'connect' }).retryable,
      transient.includes(sqlState),
      `${sqlState} while connecting`,
    )
  }
})

test('a fault of COMMIT is retryable only if the server reported that COMMIT failed', () => {
  const retryable = (code: 'COPY_SERVER' | 'COPY_CONNECTION_LOST' | 'COPY_IN_DOUBT', sqlState?: string) =>
    new CopyError(code, 'no', { phase: 'commit', ...(sqlState !== undefined && { sqlState }) }).retryable
  assert.equal(retryable('COPY_SERVER', '40001'), true)
  assert.equal(retryable('COPY_SERVER', '57P01'), false)
  assert.equal(retryable('COPY_SERVER', '57P02'), false)
  assert.equal(retryable('COPY_SERVER', '23503'), false)
  assert.equal(retryable('COPY_CONNECTION_LOST'), false)
  assert.equal(retryable('COPY_IN_DOUBT'), false)
})

test('of the other faults, a lost connection, a connection that cannot be made now, and lag are retryable', () => {
  const table: [CopyError['code'], CopyErrorFacts, boolean][] = [
    ['COPY_CONNECTION_LOST', { phase: 'copy' }, true],
    ['COPY_CONNECTION_LOST', { phase: 'start' }, true],
    ['COPY_LAG', { phase: 'copy' }, true],
    ['COPY_CONNECT', { cause: Object.assign(new Error('not within 1 ms'), { code: 'ETIMEDOUT' }) }, true],
    ['COPY_CONNECT', { cause: new Error('Connection terminated unexpectedly') }, true],
    ['COPY_CONNECT', { cause: new Error('not now', { cause: CODED('ECONNRESET') }) }, true],
    ['COPY_CONNECT', { cause: CODED('ENOENT') }, true],
    ['COPY_CONNECT', { cause: new Error('The server does not support SSL connections') }, false],
    ['COPY_CONNECT', { cause: new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: wrong') }, false],
    ['COPY_CONNECT', { cause: CODED('ENOTFOUND') }, false],
    ['COPY_CONNECT', { cause: CODED('DEPTH_ZERO_SELF_SIGNED_CERT') }, false],
    ['COPY_CONNECT', {}, false],
    ...(['COPY_OPTION', 'COPY_STATE', 'COPY_PROTOCOL', 'COPY_COUNT_MISMATCH', 'COPY_CALLABLE'] as const).map(
      (code): [CopyError['code'], CopyErrorFacts, boolean] => [code, { phase: 'copy' }, false],
    ),
    ['COPY_COMMIT', { phase: 'commit' }, false],
    ['COPY_ABORTED', {}, false],
  ]
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'])
    table.push(['COPY_CONNECT', { cause: CODED(code), phase: 'connect' }, true])
  for (const [code, facts, expected] of table) {
    const error = new CopyError(code, 'no', facts)
    const said = `${code} ${String(facts.cause)}`
    assert.equal(error.retryable, expected, said)
    assert.equal((fromErrorRecord(toErrorRecord(error)) as CopyError).retryable, expected, `${said}, rebuilt`)
    assert.equal(error.with({ receiver: 'a' }).retryable, expected, `${said}, with a name`)
  }
})

test('a fault of several receivers is retryable if each is, a failed copy if no receiver has committed', () => {
  const lost = new CopyError('COPY_CONNECTION_LOST', 'gone')
  const refused = new CopyError('COPY_SERVER', 'no', { sqlState: '23505' })
  const faultOf = (...errors: CopyError[]) => new ReceiverFault(new Map(errors.map((error, i) => [i, error])))
  assert.equal(faultOf(lost, lost).retryable, true)
  assert.equal(faultOf(lost, refused).retryable, false)
  assert.equal(faultOf(lost).retryable, true)
  assert.equal(new ProducerFault(lost).retryable, true)
  assert.equal(new ProducerFault(refused).retryable, false)
  assert.equal(new CopyFailed(faultOf(lost)).retryable, true)
  assert.equal(new CopyFailed(faultOf(lost), { committed: ['a'], warnings: [] }).retryable, false)
})
