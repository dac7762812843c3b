import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServerAccess } from '../../../../src/main/access/server-access.js'
import { Commit, type CommitResult } from '../../../../src/main/commit/commit.js'
import { CopyError } from '../../../../src/shared/errors/errors.js'

const DEADLINES = { connect: 1000, resolve: 10_000 }
const IDENTITY = { cluster: '7/00000001', flushed: '0/1', serverStart: 1, now: 3, countsSince: 2 }
/** The same identity, as a server sends it. */
const IDENTITY_ROW = ['7', '000000010000000000000001', '0/1', '1', '4', '2']

const lost = (facts: ConstructorParameters<typeof CopyError>[2] = {}): CopyError =>
  new CopyError('COPY_CONNECTION_LOST', 'lost the connection', { phase: 'commit', ...facts })

/** A COMMIT that failed with this error, on a server that is reached in this way. */
const failed = async (
  fault: CopyError,
  server?: ServerAccess,
  completion: object = { transactionId: '42', server: IDENTITY },
): Promise<CommitResult> => {
  const ends: CommitResult[] = []
  const commit = new Commit({ commits: true, ...completion }, server, DEADLINES, (end) => ends.push(end))
  commit.failed(fault)
  await commit.over
  assert.equal(ends.length, 1)
  return ends[0] as CommitResult
}

/** A server that gives these answers to pg_xact_status, after so many connections that fail. */
const serverOf = (answers: string[], failures = 0) => {
  const counts = { connects: 0, ended: 0 }
  const access: ServerAccess = {
    unreached: 'it was not reached',
    async connect() {
      counts.connects += 1
      if (counts.connects <= failures) throw new CopyError('COPY_CONNECT', 'no', { phase: 'connect' })
      return {
        server: 'db1:5432',
        query: async (sql) => [sql.includes('pg_xact_status') ? [answers.shift() ?? null] : IDENTITY_ROW],
        destroy: () => undefined,
        close: async () => {
          counts.ended += 1
        },
      }
    },
  }
  return { access, counts }
}

test('a COMMIT in doubt is not to be tried again, also where its connection ended just before it was sent', async () => {
  const fault = new CopyError('COPY_SERVER', 'terminating connection', {
    phase: 'complete',
    sqlState: '57P01',
  })
  assert.equal(fault.retryable, true)
  const end = await failed(fault, undefined, {})
  assert.ok(end.state === 'faulted')
  assert.deepEqual([end.fault.code, end.fault.retryable], ['COPY_IN_DOUBT', false])
})

test('a server that cannot be reached at first is asked again, and each connection to it is ended', async () => {
  const { access, counts } = serverOf(['in progress', 'in progress', 'committed'], 2)
  const end = await failed(lost(), access)
  assert.ok(end.state === 'committed')
  assert.match(end.note?.message ?? '', /the server says that transaction 42 was committed/)
  assert.deepEqual(counts, { connects: 3, ended: 1 })
})

test('a transaction that the server rolled back is a fault which may be loaded again', async () => {
  const end = await failed(lost(), serverOf(['aborted']).access)
  assert.ok(end.state === 'faulted')
  assert.deepEqual([end.fault.code, end.fault.retryable], ['COPY_CONNECTION_LOST', true])
})

test('an error which says that nothing was committed is the result, and the server is not asked', async () => {
  const { access, counts } = serverOf(['committed'])
  const refused = new CopyError('COPY_SERVER', 'duplicate key', { phase: 'commit', sqlState: '23505' })
  const end = await failed(refused, access)
  assert.deepEqual(end, { state: 'faulted', fault: refused })
  assert.equal(counts.connects, 0)
})

test('a refusal to connect that will not pass is the reason of the doubt at once', async () => {
  const access: ServerAccess = {
    unreached: 'it was not reached',
    connect: () =>
      Promise.reject(new CopyError('COPY_CONNECT', 'no such role', { phase: 'connect', sqlState: '28000' })),
  }
  const end = await failed(lost(), access)
  assert.ok(end.state === 'faulted')
  assert.match(end.fault.message, /may be committed or not \(no such role\)/)
})
