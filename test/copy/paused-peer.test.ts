import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyManager, StatementProducer, StatementReceiver } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'

const fleet = await startFleet(2)
await fleet.everywhere('CREATE TABLE t (i int, s text)')
await fleet.source.query(
  `INSERT INTO t SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 30000) AS i`,
)

const backend = async (server: Server): Promise<number> => {
  const [row] = await server.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY t FROM%'`,
  )
  return row?.pid as number
}

// The ring is overwritten many times while a target stands still with slots on their way to it: a slot that is
// released when write() returned, or on 'drain', arrives with other rows in it, or out of step.
for (const ring of [
  { slots: 3, slotBytes: 64 * 1024 },
  { slots: 2, slotBytes: 1024 * 1024 },
  { slots: 16, slotBytes: 256 * 1024 },
]) {
  story(
    `nothing is overwritten in flight to a stopped target: ${ring.slots} slots of ${ring.slotBytes} bytes`,
    async () => {
      await fleet.onTargets('TRUNCATE t')
      const manager = new CopyManager(
        new StatementProducer({ connection: fleet.source.connection, statement: 'COPY t TO STDOUT' }),
        fleet.targets.map(
          ({ connection }) => new StatementReceiver({ connection, statement: 'COPY t FROM STDIN' }),
        ),
        { ring },
      )
      await manager.open()
      const stopped = await backend(fleet.targets[0] as Server)
      process.kill(stopped, 'SIGSTOP')
      const running = (async () => {
        for await (const _ of manager);
      })()
      try {
        // the ring is full and stands still: all that the stopped target does not take holds everybody back
        let before = -1
        for (let now = manager.stats().bytes; now !== before; now = manager.stats().bytes) {
          before = now
          await sleep(200)
        }
        const [lagging] = manager.stats().receivers
        assert.ok((lagging?.lagBytes ?? 0) > 0, 'the stopped target lags')
        assert.ok(before < 20_000_000, `${before} bytes were read though a target stands still`)
      } finally {
        process.kill(stopped, 'SIGCONT')
      }
      await running
      await fleet.assertEqual('t')
    },
  )
}
