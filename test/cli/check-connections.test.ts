import assert from 'node:assert/strict'
import type { Connection } from '../../scripts/postgres/connection.js'
import type { ServerFacts } from '../../src/cli/check/catalog/facts.js'
import { checkFault } from '../../src/cli/check/check-fault.js'
import { compareSourceServer, compareTargetServer } from '../../src/cli/check/compare/compare-server.js'
import type { CheckReport } from '../../src/cli/check/report/check-report.js'
import { type CheckRequest, runCheck } from '../../src/cli/check/run-check.js'
import { startFleet } from '../support/fleet.js'
import { silentServer } from '../support/listener.js'
import { startPooler } from '../support/pooler.js'
import { relay } from '../support/relay.js'
import { story } from '../support/story.js'
import { keepBackFrom } from '../support/treatments.js'

const password = 'canary-Check7'
const fleet = await startFleet(1)
const { source } = fleet
const target = fleet.targets[0] as (typeof fleet.targets)[0]
await fleet.everywhere('CREATE TABLE events (id int, what text)')
const table = '"events"'

const check = (to: readonly object[], more: Partial<CheckRequest> = {}): Promise<CheckReport> =>
  runCheck({
    source: { connection: source.connection, table },
    targets: to.map((connection, i) => ({ name: `t${i + 1}`, connection, table })),
    format: 'auto',
    ...more,
  })

const said = (end: CheckReport['source']): string[] =>
  end?.findings.map(({ severity, code, message }) => `${severity} ${code}: ${message}`) ?? []

story(
  'all targets that cannot be reached are reported, not only the first, and the others are checked',
  async () => {
    const report = await check([
      { ...target.connection, port: 1 },
      target.connection,
      { ...target.connection, database: 'nowhere' },
      { ...target.connection, user: 'nobody', password },
    ])
    assert.equal(report.status, 1)
    const [refused, fine, database, role] = report.targets.map(said)
    assert.match(
      String(refused),
      /^error unreachable: cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED.*; no server answers there: is it running/,
    )
    assert.deepEqual(fine, [])
    assert.match(
      String(database),
      /^error unreachable: .*database "nowhere" does not exist \(SQLSTATE 3D000\); the name of the database follows the host/,
    )
    assert.match(
      String(role),
      /^error unreachable: .*role "nobody" does not exist \(SQLSTATE 28000\); the user stands before the host/,
    )
    assert.deepEqual(report.format, {
      format: 'binary',
      why: 'the target has the same types in the same columns',
    })
    assert.doesNotMatch(JSON.stringify(report), new RegExp(password))
    const faults = report.targets.map((end) => checkFault(end, end.name))
    assert.deepEqual(
      faults.map((fault) => fault && [fault.code, fault.phase, fault.receiver]),
      [
        ['COPY_CHECK', 'start', 't1'],
        undefined,
        ['COPY_CHECK', 'start', 't3'],
        ['COPY_CHECK', 'start', 't4'],
      ],
    )
    assert.match(faults[0]?.message ?? '', /^cannot connect to 127\.0\.0\.1:1: /)
  },
)

story('a silent server ends the check at the deadline, before and after the login', async () => {
  const silent = await silentServer()
  const { port } = silent
  const proxy = await relay(target, keepBackFrom(({ type }) => type === 'T').treat)
  try {
    const began = performance.now()
    const report = await check([{ ...target.connection, port }, proxy.connection], { deadlineMs: 1500 })
    assert.match(
      said(report.targets[0]).join(),
      /^error unreachable: 127\.0\.0\.1:\d+ did not answer within 1\.5 s$/,
    )
    assert.match(
      said(report.targets[1]).join(),
      /^error unreachable: 127\.0\.0\.1:\d+ did not answer within 1\.5 s$/,
    )
    assert.ok(performance.now() - began < 20_000)
  } finally {
    await silent.close()
    await proxy.close()
  }
})

story('a lock on the catalog holds the check only until its deadline', async () => {
  const holder = await target.client()
  try {
    await holder.query('BEGIN; LOCK TABLE pg_catalog.pg_attribute IN ACCESS EXCLUSIVE MODE')
    const client = await check([target.connection], { deadlineMs: 3000 })
    assert.match(said(client.targets[0]).join(), /^error (check|unreachable): /)
  } finally {
    await holder.end()
  }
})

story('an aborted check rejects with the reason and closes its connections', async () => {
  const reason = new Error('enough')
  await assert.rejects(check([target.connection], { signal: AbortSignal.abort(reason) }), reason)
})

story(
  'a table cannot be copied into itself, by whatever name the server is called, nor be given twice',
  async () => {
    const report = await check([
      { ...source.connection, host: 'localhost' },
      target.connection,
      target.socketConnection,
    ])
    assert.equal(report.status, 2)
    assert.deepEqual(report.targets.map(said), [
      ['error same-as-source: this is the source: a table cannot be copied into itself'],
      [],
      ['error same-target: this is the same table as t2; give each target once'],
    ])
    await source.query('CREATE TABLE whole (id int, what text) PARTITION BY LIST (id)')
    await source.query('CREATE TABLE one PARTITION OF whole FOR VALUES IN (1)')
    await source.query('CREATE TABLE two PARTITION OF whole FOR VALUES IN (2)')
    const into = (from: string, to: string): Promise<CheckReport> =>
      runCheck({
        source: { connection: source.connection, table: `"${from}"` },
        targets: [{ name: 't', connection: source.connection, table: `"${to}"` }],
        format: 'auto',
      })
    assert.equal((await into('one', 'whole')).status, 2)
    assert.equal((await into('whole', 'one')).status, 2)
    assert.equal((await into('one', 'two')).status, 0)
  },
)

story('free connections: the limit with the fewest left counts, also when none is left', async () => {
  await target.query('CREATE ROLE few LOGIN CONNECTION LIMIT 1')
  await target.query('GRANT ALL ON events TO few')
  const report = await check([{ ...target.connection, user: 'few' }])
  assert.deepEqual(said(report.targets[0]), [
    "warning connections: the copy takes the last free connection (the role's limit of 1)",
  ])
  assert.equal(report.targets[0]?.server?.connections.free, 1)
  const holder = await target.client({ user: 'few' })
  try {
    const full = await check([{ ...target.connection, user: 'few' }])
    assert.match(said(full.targets[0]).join(), /^error connections: .*too many connections for role "few"/)
  } finally {
    await holder.end()
  }
  await target.query('CREATE DATABASE narrow CONNECTION LIMIT 3')
  await target.query('CREATE ROLE anybody LOGIN')
  const narrow = await check([{ ...target.connection, user: 'anybody', database: 'narrow' }])
  assert.deepEqual(narrow.targets[0]?.server?.connections, {
    free: 3,
    limit: "the database's limit of 3",
  })
  const superuser = await check([target.connection])
  assert.match(superuser.targets[0]?.server?.connections.limit ?? '', /^max_connections 100$/)
})

story('a role whose transactions are read-only cannot load', async () => {
  await target.query('CREATE ROLE reader LOGIN')
  await target.query('GRANT ALL ON events TO reader')
  await target.query('ALTER ROLE reader SET default_transaction_read_only = on')
  const report = await check([{ ...target.connection, user: 'reader' }])
  assert.match(
    said(report.targets[0]).join(),
    /^error read-only: transactions of role "reader" are read-only/,
  )
})

story('databases of other encodings: characters that they cannot hold', async () => {
  await target.query(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'`)
  await target.query(`CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'`)
  for (const database of ['latin', 'ascii']) {
    const client = await target.client({ database })
    await client.query('CREATE TABLE events (id int, what text)')
    await client.end()
  }
  const at = (database: string): Connection => ({ ...target.connection, database })
  const report = await check([at('latin'), at('ascii')])
  assert.equal(report.ok, true)
  assert.match(
    said(report.targets[0]).join(),
    /^warning encoding: .*LATIN1.*a character that LATIN1 lacks makes the copy fail/,
  )
  assert.match(said(report.targets[1]).join(), /^warning encoding: .*SQL_ASCII.*unchecked/)
  const back = await runCheck({
    source: { connection: at('ascii'), table },
    targets: [{ name: 'u', connection: source.connection, table }],
    format: 'auto',
  })
  assert.match(
    said(back.targets[0]).join(),
    /^warning encoding: .*text that is not UTF-8 makes the copy fail/,
  )
})

const found = async (...how: [mode: 'session' | 'transaction', size: number, lends?: 'first']) => {
  const pooler = await startPooler(target, ...how)
  try {
    return await check([pooler.connection])
  } finally {
    await pooler.close()
  }
}

story(
  'a pooler in transaction mode is recognised and refused, however small its pool and whatever it lends next',
  async () => {
    for (const [size, lends] of [[1], [2], [5], [3, 'first'], [7, 'first']] as const) {
      const report = await found('transaction', size, lends)
      assert.match(
        said(report.targets[0]).join(),
        /^error pooler: the connection goes through a pooler in transaction mode/,
      )
      assert.equal(report.status, 1)
    }
  },
)

story('a pooler in session mode is allowed; without a second connection the mode is unknown', async () => {
  const report = await found('session', 2)
  assert.deepEqual(said(report.targets[0]), [
    'note pooler: the connection goes through a pooler in session mode',
  ])
  const small = await found('session', 1)
  assert.match(said(small.targets[0]).join(), /^warning pooler: .*a pooler whose mode is unknown/)
  assert.equal(report.targets[0]?.ok && small.targets[0]?.ok, true)
})

story('the findings of a standby, an old server and a server without free connections', async () => {
  const { source: end } = await check([target.connection])
  const server = end?.server as ServerFacts
  const codes = (facts: Partial<ServerFacts>): string[] =>
    compareTargetServer({ ...server, ...facts }, server).map(({ severity, code }) => `${severity} ${code}`)
  assert.deepEqual(codes({}), [])
  assert.deepEqual(codes({ isInRecovery: true }), ['error read-only'])
  assert.deepEqual(codes({ version: 130_000, versionText: '13.0' }), ['warning version'])
  assert.deepEqual(codes({ version: 190_000, versionText: '19' }), ['warning version'])
  assert.deepEqual(codes({ connections: { free: 0, limit: 'max_connections 100' } }), ['error connections'])
  const standby = { ...server, isInRecovery: true }
  assert.deepEqual(
    compareSourceServer(standby).map(({ code }) => code),
    ['standby'],
  )
  assert.deepEqual(
    compareTargetServer(server, standby).map(({ code }) => code),
    ['standby'],
  )
})
