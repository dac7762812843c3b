import assert from 'node:assert/strict'
import pg from 'pg'
import type { Server } from '../../scripts/postgres/server.js'
import { copy } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import { soon } from '../support/soon.js'
import { story } from '../support/story.js'

const fleet = await startFleet(2)
const [target, other] = fleet.targets as [Server, Server]
const FINISH_MS = 500

await fleet.everywhere('CREATE TABLE t (i int)')
await fleet.source.query('INSERT INTO t SELECT generate_series(1, 100)')

for (const [what, words, phase] of [
  ['before its transaction is known', 'pg_current_xact_id', 'complete'],
  ['at COMMIT', 'COMMIT', 'commit'],
] as const) {
  story(
    `a pool's server that falls silent ${what} is a fault past 'finish', and the other is committed`,
    async () => {
      await fleet.onTargets('TRUNCATE t')
      // the message never comes there
      const proxy = await relay(target, ({ direction, type, body }) =>
        direction === 'to-server' && type === 'Q' && body.toString().includes(words)
          ? { do: 'hold', until: new Promise(() => undefined) }
          : undefined,
      )
      const pool = new pg.Pool({ ...proxy.connection, max: 1 })
      pool.on('error', () => undefined)
      try {
        const copying = copy({
          from: { connection: fleet.source.url, statement: 'COPY t TO STDOUT' },
          to: [
            { client: pool, statement: 'COPY t FROM STDIN', name: 'silent' },
            { connection: other.url, statement: 'COPY t FROM STDIN', name: 'well' },
          ],
          onFault: 'isolate',
          deadlines: { finish: FINISH_MS, resolve: 500, abort: 500 },
        })
        const [silent, well] = (await soon(copying, 'the copy ends')).receivers
        assert.equal(well?.state, 'committed')
        assert.equal(silent?.fault?.phase, phase, silent?.fault?.message)
        assert.match(silent?.fault?.message ?? '', /within 500 ms.*\(deadlines\.finish\)/)
      } finally {
        await proxy.close()
        await soon(pool.end(), 'the pool ends')
      }
      assert.deepEqual(await target.query('SELECT count(*)::int AS n FROM t'), [{ n: 0 }])
    },
  )
}
