import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyManager, NullReceiver } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  assertStates,
  copyBackend,
  faultOf,
  fromTable,
  goOn,
  intoTable,
  iterate,
  logFromNow,
  once,
  story,
  until,
} from '../support/story.js'

// Rows of very different lengths that read like messages and SQL, and a target that checks each: whatever arrives
// overwritten, or out of step, ends in the target's log as something else than a COPY that was cancelled.
const fleet = await startFleet(2, { settings: { log_statement: 'all' } })
const CONTENT = `repeat('; CREATE TABLE executed(); SELECT ' || md5(i::text) || ' Q', 1 + i % 37)`

await fleet.everywhere(`CREATE TABLE t (i int, s text, CONSTRAINT intact CHECK (s = ${CONTENT}))`)
await fleet.source.query(`INSERT INTO t SELECT i, ${CONTENT} FROM generate_series(1, 25000) AS i`)
beforeEach(() => fleet.onTargets('TRUNCATE t'))

const ABORT_MS = 1500

for (const when of ['within the deadline', 'after the deadline'] as const) {
  story(
    `a target that is dropped with slots in flight, and goes on ${when}, is sent nothing that was overwritten`,
    async () => {
      const [stopped, other] = fleet.targets as [Server, Server]
      const log = await logFromNow(stopped)
      const stalled = intoTable(stopped, 't')
      const manager = new CopyManager(
        fromTable(fleet.source, 't'),
        [stalled, intoTable(other, 't'), new NullReceiver()],
        { ring: { slots: 6, slotBytes: 256 * 1024 }, deadlines: { stall: 500, abort: ABORT_MS } },
      )
      let pid = 0
      let goingOn: Promise<void> = Promise.resolve()
      try {
        await iterate(manager, {
          cycle: once(async () => {
            pid = await copyBackend(stopped, 't')
            process.kill(pid, 'SIGSTOP')
          }),
          fault: async (fault) => {
            assert.equal(faultOf(fault, 'target1').code, 'COPY_STALLED')
            const [held] = manager.stats().receivers
            assert.ok(
              (held?.lagBytes ?? 0) > 4 * 200 * 1024,
              `slots are in flight: it lags ${held?.lagBytes}`,
            )
            if (when === 'after the deadline') return
            // dropped by the next turn, it lets out what is in flight: the others would have used its slots by then
            goingOn = sleep(ABORT_MS / 2).then(() => goOn(pid))
          },
        })
      } finally {
        await goingOn
        goOn(pid)
      }
      assertStates(manager, 'dropped', 'committed', 'completed')
      await fleet.assertNoConnections()
      const end =
        when === 'within the deadline' ? /COPY from stdin failed: dropped/ : /unexpected EOF|reset by peer/
      await until(async () => end.test(await log()), 'the end of the COPY is logged')
      const said = await log()
      assert.doesNotMatch(
        said,
        /intact|invalid|unexpected message|lost synchron|syntax error|extra data|missing data/,
      )
      const [mine = ''] = said.match(/COPY t FROM STDIN[\s\S]*/) ?? []
      assert.doesNotMatch(mine, /statement: .*(CREATE TABLE executed|SELECT [0-9a-f]{32})/)
      assert.deepEqual(await stopped.query(`SELECT to_regclass('executed') AS executed`), [
        { executed: null },
      ])
      await assertRows([stopped], 't', 0)
      await assertSame([fleet.source, other], 't')
    },
  )
}
