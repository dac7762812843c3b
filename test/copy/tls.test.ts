import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyFailed, copy } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { countRemains } from '../support/remains.js'

const fixture = (name: string): string =>
  readFileSync(new URL(`../../../test/fixtures/tls/${name}`, import.meta.url), 'utf8')
const ca = fixture('server.crt')
const password = 'canary-Tls7'
const fleet = await startFleet(1, { password })

const lines = (pem: string): string => `SELECT unnest(string_to_array('${pem.trim()}', E'\\n'))`
for (const server of fleet.all) {
  // the server writes them itself, so that they are its own whoever it runs as
  await server.query(`COPY (${lines(ca)}) TO PROGRAM 'cat > server.crt'`)
  await server.query(`COPY (${lines(fixture('server.key'))}) TO PROGRAM 'umask 077; cat > server.key'`)
  await server.query('ALTER SYSTEM SET ssl = on')
  await server.query('SELECT pg_reload_conf()')
  await server.query('CREATE TABLE t (i int, s text)')
}
await fleet.source.query(
  `INSERT INTO t SELECT i, repeat(md5(i::text), i % 40) FROM generate_series(1, 50000) AS i`,
)

const ENCRYPTION = `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'copyman'`

const encrypted = ({ connection }: Server) => ({ ...connection, ssl: { ca } })

test('an encrypted source goes into an encrypted target unchanged, with small and large slots', async () => {
  const [target] = fleet.targets
  assert.ok(target)
  const remains = countRemains()
  for (const ring of [{}, { slots: 2, slotBytes: 1000 }]) {
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
  await fleet.assertNoConnections()
  await remains.assertNoneLeft()
})

test('an encrypted source that is given up in mid-copy is cancelled and let go', async () => {
  const remains = countRemains()
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
  await fleet.assertNoConnections()
  await remains.assertNoneLeft()
})

test('a certificate that nobody vouches for ends the copy before the password is sent', async () => {
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
