import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyAborted, CopyManager } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { assertStates, fromTable, inTime, intoTable, story, until } from '../support/story.js'

const fleet = await startFleet(2)
const [first, second] = fleet.targets as [Server, Server]

await fleet.everywhere('CREATE TABLE t (i int); CREATE TABLE done (who text)')
await fleet.source.query('INSERT INTO t SELECT generate_series(1, 1000)')
beforeEach(() => fleet.onTargets('TRUNCATE t, done'))

/** Under way until it is cancelled, at most two seconds, and succeeds in either case: others follow it. */
const UNTIL_CANCELLED = 'DO $$ BEGIN PERFORM pg_sleep(2); EXCEPTION WHEN query_canceled THEN NULL; END $$'

for (const by of ['its signal', 'close()'] as const) {
  story(
    `the rest of the after statements never runs outside the transaction when a copy is ended by ${by}`,
    async () => {
      const controller = new AbortController()
      await using manager = new CopyManager(
        fromTable(fleet.source, 't'),
        [
          intoTable(first, 't', { after: [UNTIL_CANCELLED, `INSERT INTO done VALUES ('first')`] }),
          intoTable(second, 't', { after: [`INSERT INTO done VALUES ('second')`] }),
        ],
        { signal: controller.signal },
      )
      const running = assert.rejects(manager.run(), CopyAborted)
      await until(async () => {
        const [sleeping] = await first.query(
          `SELECT pid FROM pg_stat_activity WHERE application_name = 'copyman' AND wait_event = 'PgSleep'`,
        )
        return sleeping !== undefined && manager.stats().receivers[1]?.state === 'completed'
      }, 'the first runs its statements, and the second has')
      if (by === 'close()') await inTime(assert.rejects(manager.close(), CopyAborted), by)
      else controller.abort()
      await inTime(running, 'the end of the copy')
      assertStates(manager, 'aborted', 'rolled-back')
      await fleet.assertEmpty('t')
      await fleet.assertEmpty('done')
    },
  )
}
