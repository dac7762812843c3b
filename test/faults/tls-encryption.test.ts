import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type pg from 'pg'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CopyAborted,
  CopyFailed,
  CopyManager,
  copy,
  StatementProducer,
  StatementReceiver,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { atStoryEnd, BOUND_MS, story } from '../support/story.js'

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../test/fixtures/tls/${name}`, import.meta.url), 'utf8')
const ca = fixture('server.crt')
const password = 'canary-Tls7'
const fleet = await startFleet(1, { password })

const lines = (pem: string): string => `SELECT unnest(string_to_array('${pem.trim()}', E'\\n'))`
for (const server of fleet.all) {
  // the server writes them itself, so that it owns them, whichever user it runs as
  await server.query(`COPY (${lines(ca)}) TO PROGRAM 'cat > server.crt'`)
  await server.query(`COPY (${lines(fixture('server.key'))}) TO PROGRAM 'umask 077; cat > server.key'`)
  await server.query('ALTER SYSTEM SET ssl = on')
  await server.query('SELECT pg_reload_conf()')
  await server.query('CREATE TABLE t (i int, s text)')
}
await fleet.source.query(
  `INSERT INTO t SELECT i, repeat(md5(i::text), i % 40) FROM generate_series(1, 6000) AS i`,
)

const ENCRYPTION = `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'copyman'`

const encrypted = ({ connection }: Server) => ({ ...connection, ssl: { ca } })

const opened: pg.Client[] = []
atStoryEnd(() => Promise.all(opened.splice(0).map((client) => client.end())))

/** A user's client, in a transaction of its user; encrypted, as the server says itself. */
const encryptedClient = async (server: Server): Promise<pg.Client> => {
  const client = await server.client({
    ...encrypted(server),
    application_name: 'the user',
    query_timeout: BOUND_MS,
  })
  opened.push(client)
  const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
  assert.deepEqual(rows, [{ ssl: true }])
  await client.query('BEGIN')
  return client
}

const SMALL = { slots: 2, slotBytes: 1000 }

story('an encrypted source goes into an encrypted target unchanged, with small and large slots', async () => {
  const [target] = fleet.targets
  assert.ok(target)
  for (const ring of [{}, SMALL]) {
    await target.query('TRUNCATE t')
    const seen: unknown[] = []
    await copy({
      from: { connection: encrypted(fleet.source), statement: 'COPY t TO STDOUT' },
      to: [
        { connection: encrypted(target), statement: 'COPY t FROM STDIN' },
        async () => {
          if (seen.length > 0) return
          for (const server of fleet.all) {
            // the target may still be connecting when the first slice arrives; the ring holds the source meanwhile
            let rows: unknown[] = []
            while (rows.length === 0) rows = await server.query(ENCRYPTION)
            seen.push(rows)
          }
        },
      ],
      ring,
    })
    assert.deepEqual(seen, [[{ ssl: true }], [{ ssl: true }]])
    await fleet.assertEqual('t')
  }
})

story('an encrypted source that is aborted in mid-copy is cancelled and closed', async () => {
  const boom = () => {
    throw new Error('boom')
  }
  await assert.rejects(
    copy({
      from: {
        connection: encrypted(fleet.source),
        statement: 'COPY (SELECT * FROM t, generate_series(1, 1000)) TO STDOUT',
      },
      to: [boom],
      ring: { slots: 2, slotBytes: 64 },
    }),
    CopyFailed,
  )
})

story('a certificate without a trusted authority ends the copy before the password is sent', async () => {
  const { source } = fleet
  await assert.rejects(
    copy({
      from: { connection: { ...source.connection, ssl: true }, statement: 'COPY t TO STDOUT' },
      to: [() => {}],
    }),
    (error: Error) =>
      error instanceof CopyFailed &&
      /self-signed certificate/.test(error.message) &&
      !error.message.includes(password),
  )
})

for (const [ends, isUsers] of [
  ['both ends', { source: true, target: true }],
  ['the source', { source: true, target: false }],
  ['the target', { source: false, target: true }],
] as const) {
  story(`encrypted users' clients at ${ends} move every byte, with small and large slots`, async (s) => {
    const [target] = fleet.targets as [Server]
    const from = await encryptedClient(fleet.source)
    const to = await encryptedClient(target)
    for (const ring of [{}, SMALL]) {
      await target.query('TRUNCATE t')
      await to.query('BEGIN')
      const { receivers } = await copy({
        from: {
          statement: 'COPY t TO STDOUT',
          ...(isUsers.source ? { client: from } : { connection: encrypted(fleet.source) }),
        },
        to: [
          {
            statement: 'COPY t FROM STDIN',
            ...(isUsers.target ? { client: to } : { connection: encrypted(target) }),
          },
        ],
        ring,
        signal: s.signal,
      })
      assert.equal(receivers[0]?.state, isUsers.target ? 'completed' : 'committed')
      if (isUsers.target) await fleet.assertEmpty('t')
      await to.query('COMMIT')
      await fleet.assertEqual('t')
    }
  })
}

story("an abort in mid-copy leaves encrypted users' clients usable, for another copy too", async (s) => {
  const [target] = fleet.targets as [Server]
  const from = await encryptedClient(fleet.source)
  const to = await encryptedClient(target)
  await target.query('TRUNCATE t')
  const manager = new CopyManager(
    new StatementProducer({
      client: from,
      statement: 'COPY (SELECT t.* FROM t, generate_series(1, 10000)) TO STDOUT',
    }),
    [new StatementReceiver({ client: to, statement: 'COPY t FROM STDIN' })],
    { ring: SMALL, signal: s.signal },
  )
  await manager.open()
  await assert.rejects(async () => {
    for await (const _ of manager) if (manager.stats().bytes > 1_000_000) break
  }, CopyAborted)
  // cancelled by a request that is encrypted too
  for (const client of [from, to]) {
    assert.ok(!client.connection.stream.destroyed)
    await assert.rejects(client.query('SELECT 1'), { code: '25P02' })
    await client.query('ROLLBACK')
    await client.query('BEGIN')
  }
  await fleet.assertEmpty('t')
  await copy({
    from: { client: from, statement: 'COPY t TO STDOUT' },
    to: [{ client: to, statement: 'COPY t FROM STDIN' }],
    signal: s.signal,
  })
  await to.query('COMMIT')
  await fleet.assertEqual('t')
})
