import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Server } from '../../scripts/postgres/server.js'
import { CallReceiver, CopyManager, type CopyManagerOptions, NullReceiver } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  faultOf,
  fromTable,
  inTime,
  intoTable,
  iterate,
  once,
  story,
  terminateCopy,
  until,
} from '../support/story.js'

const fleet = await startFleet(2, { rows: 25_000, row: 'i, repeat(md5(i::text), 1 + i % 60)' })
const [lost, other] = fleet.targets as [Server, Server]

// row 1 waits for the holder of this lock
await lost.query(`
  CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$;
  CREATE TRIGGER wait BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.i = 1) EXECUTE FUNCTION wait()`)

/** Takes the first target back without waiting for that, once it has faulted. */
const takingBack = async (
  options: CopyManagerOptions,
  on: { cycle?: () => unknown; fault?: (manager: CopyManager) => unknown },
): Promise<void> => {
  const receiver = intoTable(lost, 't')
  const receivers = [receiver, intoTable(other, 't')]
  await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers, options)
  const iterating = iterate(manager, {
    ...on,
    fault: () => {
      void manager.reconcile(receiver, { from: 'start' })
      on.fault?.(manager)
    },
  })
  const { faults, sums } = await inTime(iterating, 'the copy')
  assert.equal(faults.length, 1)
  assert.deepEqual(sums[1], sums[0])
  assert.deepEqual(
    manager.outcomes.map(({ state, passes }) => [state, passes]),
    [
      ['committed', 2],
      ['committed', 1],
    ],
  )
  await fleet.assertEqual('t')
}

story(
  'a target that was lost is taken back from the start, though the next turn does not wait for that',
  () =>
    takingBack({ ring: { slots: 4, slotBytes: 64 * 1024 } }, { cycle: once(() => terminateCopy(lost, 't')) }),
)

story(
  'a target that stalled is taken back from the start, though all others are complete before it has released its slots',
  async () => {
    const holder = await lost.client()
    const going: Promise<unknown>[] = []
    try {
      await holder.query('SELECT pg_advisory_lock(1)')
      await takingBack(
        // the ring holds the whole table, so that no receiver waits for the one that releases its slots
        { ring: { slots: 64, slotBytes: 1024 * 1024 }, deadlines: { stall: 400 } },
        {
          fault(manager) {
            const othersAreComplete = () => manager.stats().receivers[1]?.state === 'completed'
            const released = until(othersAreComplete, 'the other is complete')
            going.push(released.then(() => holder.query('SELECT pg_advisory_unlock(1)')))
          },
        },
      )
      await Promise.all(going)
    } finally {
      await holder.end()
    }
  },
)

story(
  'a callable that is taken back before its last call has settled waits for that, and gets every byte once',
  async () => {
    let answerLate: () => void = () => assert.fail('the callable was never called')
    const taken = createHash('md5')
    let [slices, atOnce] = [0, 0]
    const receiver = new CallReceiver(
      async ({ bytes, pass }) => {
        atOnce += 1
        assert.equal(atOnce, 1, 'one slice at a time')
        if (pass === 2) taken.update(bytes)
        else if (slices++ === 2) {
          await new Promise<void>((resolve) => {
            answerLate = resolve
          })
        }
        atOnce -= 1
      },
      { name: 'late' },
    )
    await using manager = new CopyManager(fromTable(fleet.source, 't'), [receiver, new NullReceiver()], {
      ring: { slots: 64, slotBytes: 4096 },
      deadlines: { stall: 300, abort: 200 },
    })
    const iterating = iterate(manager, {
      fault: async (fault) => {
        assert.equal(faultOf(fault, 'late').code, 'COPY_STALLED')
        await manager.reconcile(receiver, { from: 'start' })
        const waits = () => manager.stats().receivers[0]?.state === 'opening'
        until(waits, 'the further pass waits for it').then(answerLate, () => undefined)
      },
    })
    const { faults, sums } = await inTime(iterating, 'the copy')
    assert.equal(faults.length, 1)
    assert.deepEqual(sums[1], sums[0])
    const [expected] = await fleet.source.query<{ md5: string }>(
      `SELECT md5(string_agg(i || E'\\t' || s || E'\\n', '' ORDER BY ctid)) AS md5 FROM t`,
    )
    assert.equal(taken.digest('hex'), expected?.md5)
  },
)
