import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryValue } from '../../src/cli/sql/query-value.js'
import { type ConnectionInput, CopyAborted, CopyError } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'

const fleet = await startFleet(1)
const { connection } = fleet.source
/** Less than the query sleeps. */
const BOUND_MS = 50_000
const never = new AbortController().signal

const faultOf = async (query: string, to: ConnectionInput = connection): Promise<CopyError> => {
  const error = await queryValue(to, query, never).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof CopyError)
  return error
}

test('a query gives its value, whatever is in it, and undefined for null or no row', async () => {
  const value = { text: 'Grüße \\N \t "x"', list: [1, null] }
  const query = `SELECT json_build_object('text', E'Grüße \\\\N \\t "x"', 'list', json_build_array(1, NULL))`
  assert.deepEqual(await queryValue(connection, query, never), value)
  assert.equal(await queryValue(connection, 'SELECT NULL::json', never), undefined)
  assert.equal(await queryValue(connection, `SELECT '1'::json WHERE false`, never), undefined)
  await fleet.assertNoConnections()
})

test("a query's error keeps what the server said; a refused connection is COPY_CONNECT", async () => {
  const refused = await faultOf(`SELECT json_build_object('n', 'x'::int)`)
  assert.equal(refused.code, 'COPY_SERVER')
  assert.equal(refused.phase, 'start')
  assert.equal(refused.sqlState, '22P02')
  assert.equal(refused.server?.severity, 'ERROR')
  assert.deepEqual(
    Object.keys(refused.server).filter((name) => ['name', 'code', 'file', 'line'].includes(name)),
    [],
  )
  const gone = await faultOf('SELECT 1', 'postgres://127.0.0.1:1/app')
  assert.equal(gone.code, 'COPY_CONNECT')
  await fleet.assertNoConnections()
})

test('timeouts that are meant for other work do not end a query, which can change nothing', async () => {
  const short = ['statement_timeout', 'lock_timeout'].map((name) => `-c ${name}=100`).join(' ')
  const limited = { ...(connection as object), options: `${short} -c default_transaction_read_only=off` }
  const query = `SELECT json_build_array(current_setting('lock_timeout'), current_setting('transaction_read_only'))
    FROM pg_sleep(0.3)`
  assert.deepEqual(await queryValue(limited, query, never), ['0', 'on'])
  await fleet.assertNoConnections()
})

test('a terminated backend is an error of the server', async () => {
  const lost = await faultOf('SELECT pg_terminate_backend(pg_backend_pid())')
  assert.deepEqual([lost.code, lost.sqlState], ['COPY_SERVER', '57P01'])
  await fleet.assertNoConnections()
})

test('the signal cancels a query at once, and before it connects', async () => {
  const controller = new AbortController()
  const started = performance.now()
  const query = queryValue(connection, 'SELECT pg_sleep(60)::text', controller.signal)
  const until = performance.now() + BOUND_MS
  let found: unknown[] = []
  while (found.length === 0 && performance.now() < until)
    found = await fleet.source.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)
  assert.equal(found.length, 1)
  controller.abort(new Error('enough'))
  await assert.rejects(
    query,
    (error) => error instanceof CopyAborted && error.cause === controller.signal.reason,
  )
  await assert.rejects(queryValue(connection, 'SELECT 1', controller.signal), CopyAborted)
  assert.ok(performance.now() - started < BOUND_MS)
})
