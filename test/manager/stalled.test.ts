import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyManager, type CopyManagerOptions, type Receiver } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  assertStates,
  bounded,
  copyBackend,
  faultOf,
  fromTable,
  goOn,
  intoTable,
  iterate,
  once,
  story,
} from '../support/story.js'

const ROWS = 25_000
const fleet = await startFleet(2, { rows: ROWS, table: 'wide', row: 'i, repeat(md5(i::text), 1 + i % 60)' })
const RING = { slots: 4, slotBytes: 32 * 1024 }

// its COPY waits, before its first row, for a lock that the test holds
await fleet.targets[0]?.query(`
  CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
  CREATE TRIGGER wait BEFORE INSERT ON wide FOR EACH STATEMENT EXECUTE FUNCTION wait()`)

/** A copy of the wide table, more than sockets hold, to both targets, with the first one's backend stopped in mid-copy. */
const stalling = async (
  options: CopyManagerOptions,
  onFault: (manager: CopyManager, stalled: Receiver, resume: () => void) => unknown,
): Promise<CopyManager> => {
  const receivers = fleet.targets.map((target) => intoTable(target, 'wide'))
  const manager = new CopyManager(fromTable(fleet.source, 'wide'), receivers, options)
  const holder = await fleet.targets[0]?.client()
  await holder?.query('SELECT pg_advisory_lock(1)')
  let stopped = 0
  try {
    await iterate(manager, {
      cycle: once(async () => {
        stopped = await copyBackend(fleet.targets[0] as Server, 'wide')
        process.kill(stopped, 'SIGSTOP')
        await holder?.end()
      }),
      fault: async (fault) => {
        const error = faultOf(fault, 'target1')
        assert.equal(error.code, 'COPY_STALLED')
        await onFault(manager, receivers[0] as Receiver, () => goOn(stopped))
      },
    })
  } finally {
    if (stopped !== 0) goOn(stopped)
    await holder?.end()
  }
  return manager
}

for (const ring of [
  { slots: 8, slotBytes: 256 * 1024 },
  { slots: 2, slotBytes: 64 * 1024 },
]) {
  story(
    `a stalled target that is reconciled gets no row twice: ${ring.slots} slots of ${ring.slotBytes} bytes`,
    async () => {
      const manager = await stalling(
        { ring, deadlines: { stall: 400 } },
        async (manager, stalled, resume) => {
          resume()
          await manager.reconcile(stalled)
        },
      )
      assert.deepEqual(
        manager.outcomes.map(({ state, rows }) => [state, rows]),
        Array(2).fill(['committed', ROWS]),
      )
      await fleet.assertEqual('wide')
    },
  )
}

story('a stalled target that is not reconciled is dropped, and the other completes', async () => {
  const manager = await stalling(
    { ring: RING, deadlines: { stall: 400, abort: 300 } },
    (manager, stalled) => {
      assert.equal(manager.receivers.has(stalled), false)
    },
  )
  assertStates(manager, 'dropped', 'committed')
  await assertSame([fleet.source, fleet.targets[1] as Server], 'wide')
  await assertRows([fleet.targets[0] as Server], 'wide', 0)
})

story('a stalled target that is reconciled from the start takes part in a further pass', async () => {
  const manager = await stalling(
    { ring: RING, deadlines: { stall: 400, abort: 300 } },
    async (manager, stalled, resume) => {
      await manager.reconcile(stalled, { from: 'start' })
      resume()
    },
  )
  assert.deepEqual(
    manager.outcomes.map(({ state, passes }) => [state, passes]),
    [
      ['committed', 2],
      ['committed', 1],
    ],
  )
  await fleet.assertEqual('wide')
})

story('a stall that is reported again before its reconcile leaves no receiver waiting', async () => {
  let faults = 0
  // the ring holds all of the table: the target can complete without another turn of the loop
  const ring = { slots: 64, slotBytes: 1024 * 1024 }
  const manager = await stalling(
    { ring, deadlines: { stall: 300 }, signal: bounded() },
    async (manager, stalled, resume) => {
      faults += 1
      if (faults === 1) {
        // the main thread is busy for longer than the deadline: further reports of the same stall are on their way when
        // it reconciles
        const busyUntil = performance.now() + 1000
        while (performance.now() < busyUntil);
        const reconciled = manager.reconcile(stalled)
        resume()
        await reconciled
      } else {
        await sleep(1500)
        await manager.reconcile(stalled)
      }
    },
  )
  assertStates(manager, 'committed', 'committed')
  await fleet.assertEqual('wide')
})
