import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  type CopyFailed,
  CopyManager,
  ProducerFault,
  StatementProducer,
  StatementReceiver,
  type StatementReceiverOptions,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import {
  assertRows,
  assertSame,
  assertStates,
  failsWith,
  faultOf,
  fromTable,
  goOn,
  inTime,
  intoTable,
  iterate,
  logFromNow,
  story,
  until,
} from '../support/story.js'
import { cutInsteadOf } from '../support/treatments.js'

const ROWS = 1000
// no such standby ever answers: a backend waits for it in COMMIT until it is terminated, and has committed then
const fleet = await startFleet(2, { settings: { synchronous_standby_names: 'nobody' }, rows: ROWS })
const [first, second] = fleet.targets as [Server, Server]
/** Enough for a COPY that begins or completes, on a machine that is busy with other tests. */
const LIMIT_MS = 2000

const lock = async (server: Server) => {
  const holder = await server.client()
  await holder.query('BEGIN; LOCK TABLE t')
  return holder
}

/** Fails unless soon no backend of ours on the server waits for a lock or for anything else. */
const assertNobodyWaits = (server: Server): Promise<void> =>
  until(async () => {
    const [row] = await server.query<{ waiting: string; running: string }>(
      `SELECT (SELECT count(*) FROM pg_locks WHERE NOT granted) AS waiting,
        (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'copyman' AND state = 'active') AS running`,
    )
    return row?.waiting === '0' && row.running === '0'
  }, `nobody waits on ${server.name}`)

const NOT_ALIGNED = /unexpected EOF|connection to client lost|could not receive/

/** A copy to both targets in which the first runs past a deadline while it completes or starts; the second completes. */
const tooLate = async (
  more: Partial<StatementReceiverOptions> & { connection?: never },
  deadlines: { start?: number; finish?: number },
  expected: { phase: string; text: RegExp },
): Promise<void> => {
  const log = await logFromNow(first)
  const manager = new CopyManager(
    fromTable(fleet.source, 't'),
    [intoTable(first, 't', more as object), intoTable(second, 't')],
    { deadlines },
  )
  const { faults } = await inTime(
    iterate(manager, {
      fault: async (thrown) => {
        const fault = faultOf(thrown, first.name)
        assert.deepEqual([fault.code, fault.phase], ['COPY_TIMEOUT', expected.phase])
        assert.match(fault.message, expected.text)
        // also before the caller has decided about the fault
        await assertNobodyWaits(first)
      },
    }),
    'the copy',
  )
  assert.equal(faults.length, 1)
  assertStates(manager, 'dropped', 'committed')
  await fleet.assertNoConnections()
  await assertSame([fleet.source, second], 't')
  assert.doesNotMatch(await log(), NOT_ALIGNED)
}

/** Under way until it is cancelled, and succeeds all the same: what followed it would not be rolled back. */
const UNTIL_CANCELLED = 'DO $$ BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END $$'

const BEGIN_TOO_LATE = { phase: 'start', text: /did not begin the COPY within 2000 ms \(deadlines\.start\)$/ }

for (const [what, more] of Object.entries({
  'whose COPY waits for a lock': {},
  'whose statement before the COPY takes no notice of being cancelled': {
    before: ['COMMIT', UNTIL_CANCELLED, 'INSERT INTO t VALUES (0)'],
  },
  'whose statement before the COPY waits for a lock': { before: ['TRUNCATE t', 'INSERT INTO t VALUES (0)'] },
})) {
  story(
    `row 22: a target ${what} past 'start' is a fault, aligned, and leaves the queue; the other completes`,
    async () => {
      const holder = await lock(first)
      try {
        await tooLate(more, { start: LIMIT_MS }, BEGIN_TOO_LATE)
      } finally {
        await holder.end()
      }
      await assertRows([first], 't', 0)
    },
  )
}

story(
  "row 22: a target that ran past 'start' is reconciled from the start when the lock is gone",
  async () => {
    const holder = await lock(first)
    const late = intoTable(first, 't')
    const manager = new CopyManager(fromTable(fleet.source, 't'), [late, intoTable(second, 't')], {
      deadlines: { start: LIMIT_MS },
    })
    try {
      await iterate(manager, {
        fault: async (fault) => {
          assert.equal(faultOf(fault, first.name).code, 'COPY_TIMEOUT')
          await holder.end()
          await manager.reconcile(late, { from: 'start' })
        },
      })
    } finally {
      await holder.end().catch(() => undefined)
    }
    await assertSame(fleet.all, 't')
  },
)

story(
  "row 22: a source that waits for a lock past 'start' ends the copy, aligned, and leaves the queue",
  async () => {
    const log = await logFromNow(fleet.source)
    const holder = await lock(fleet.source)
    try {
      const manager = new CopyManager(fromTable(fleet.source, 't'), [intoTable(first, 't')], {
        deadlines: { start: LIMIT_MS },
      })
      const error = await inTime(failsWith(manager.run(), { cause: ProducerFault }), 'the copy')
      assert.deepEqual([error.cause.phase, (error.cause.cause as CopyFailed).code], ['start', 'COPY_TIMEOUT'])
      const [row] = await fleet.source.query<{ pid: number }>(
        'SELECT pid FROM pg_locks WHERE relation = $1::regclass AND granted',
        ['t'],
      )
      assert.match(
        error.message,
        new RegExp(
          `did not begin the COPY within 2000 ms \\(deadlines\\.start\\): it waits for a lock, blocked by process ${row?.pid}$`,
        ),
      )
      await assertNobodyWaits(fleet.source)
    } finally {
      await holder.end()
    }
    await fleet.assertNoConnections()
    assert.doesNotMatch(await log(), NOT_ALIGNED)
    await assertRows([first], 't', 0)
  },
)

story("a source whose query computes for longer than 'start' before it gives a row is no fault", async () => {
  const manager = new CopyManager(
    new StatementProducer({
      connection: fleet.source.connection,
      statement: 'COPY (SELECT 1, pg_sleep(3)) TO STDOUT',
    }),
    [new CallReceiver(() => undefined)],
    { deadlines: { start: LIMIT_MS } },
  )
  assert.equal((await manager.run()).rows, 1)
})

story(
  "row 22: a user's client whose COPY FROM waits for a lock past 'start' answers afterwards",
  async () => {
    const client = await first.client()
    const holder = await lock(first)
    try {
      await client.query('BEGIN')
      const theirs = new StatementReceiver({ client, name: 'theirs', statement: 'COPY t FROM STDIN' })
      const manager = new CopyManager(fromTable(fleet.source, 't'), [theirs, intoTable(second, 't')], {
        deadlines: { start: LIMIT_MS },
      })
      const { faults } = await inTime(
        iterate(manager, {
          fault: async (thrown) => {
            const fault = faultOf(thrown, 'theirs')
            assert.deepEqual([fault.code, fault.phase], ['COPY_TIMEOUT', 'start'])
            assert.match(fault.message, BEGIN_TOO_LATE.text)
            await assertNobodyWaits(first)
          },
        }),
        'the copy',
      )
      assert.equal(faults.length, 1)
      await client.query('ROLLBACK')
      assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
    } finally {
      await Promise.all([client.end(), holder.end()])
    }
    await assertSame([fleet.source, second], 't')
  },
)

story(
  "row 22: a backend that is stopped before the COPY began is a fault past 'start', and the others complete",
  async () => {
    const LOCKED = 'SELECT pg_advisory_xact_lock(1)'
    const holder = await first.client()
    let stopped = 0
    try {
      await holder.query('SELECT pg_advisory_lock(1)')
      const manager = new CopyManager(
        fromTable(fleet.source, 't'),
        [intoTable(first, 't', { before: [LOCKED] }), intoTable(second, 't')],
        { deadlines: { start: LIMIT_MS, abort: 300 } },
      )
      const iterating = iterate(manager)
      iterating.catch(() => undefined)
      await until(async () => {
        const [row] = await first.query<{ pid: number }>(
          'SELECT pid FROM pg_stat_activity WHERE query = $1',
          [LOCKED],
        )
        stopped = row?.pid ?? 0
        return stopped !== 0
      }, 'it waits')
      process.kill(stopped, 'SIGSTOP')
      const { faults } = await inTime(iterating, 'the copy')
      assert.deepEqual(
        [faultOf(faults[0], first.name).code, faultOf(faults[0], first.name).phase],
        ['COPY_TIMEOUT', 'start'],
      )
      assertStates(manager, 'dropped', 'committed')
    } finally {
      await holder.end()
      if (stopped !== 0) goOn(stopped)
    }
    await assertSame([fleet.source, second], 't')
    await assertRows([first], 't', 0)
  },
)

story(
  "a target whose statement after the COPY runs past 'finish' is a fault, aligned; the other completes",
  async () => {
    await tooLate(
      { after: ['SELECT pg_sleep(60)', 'INSERT INTO t VALUES (0)'] },
      { finish: LIMIT_MS },
      { phase: 'complete', text: /did not complete the COPY within 2000 ms \(deadlines\.finish\)$/ },
    )
    await assertRows([first], 't', 0)
  },
)

story("a user's client whose statement after the COPY runs past 'finish' answers afterwards", async () => {
  const client = await first.client()
  try {
    await client.query('BEGIN')
    const manager = new CopyManager(
      fromTable(fleet.source, 't'),
      [
        new StatementReceiver({
          client,
          name: 'theirs',
          statement: 'COPY t FROM STDIN',
          after: ['SELECT pg_sleep(60)'],
        }),
      ],
      { deadlines: { finish: LIMIT_MS } },
    )
    const error = await inTime(failsWith(manager.run()), 'the copy')
    assert.match(error.message, /did not complete the COPY within 2000 ms/)
    await client.query('ROLLBACK')
    assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  } finally {
    await client.end()
  }
  await assertRows([first], 't', 0)
})

story("what a receiver waits for others is not counted against 'finish'", async () => {
  let take: () => void = () => undefined
  const taking = new Promise<void>((resolve) => {
    take = resolve
  })
  const target = intoTable(first, 't', { session: { synchronous_commit: 'on' } })
  const manager = new CopyManager(fromTable(fleet.source, 't'), [target, new CallReceiver(() => taking)], {
    deadlines: { finish: LIMIT_MS },
  })
  const running = manager.run()
  running.catch(() => undefined)
  await until(() => manager.stats().receivers[0]?.state === 'completed', 'the target is complete')
  await sleep(LIMIT_MS + 200)
  take()
  // a COMMIT that takes a while: one that is cancelled while it waits for a standby is answered with COMMIT
  await until(async () => {
    const cancelled = await first.query(
      `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
    )
    return cancelled.length === 1
  }, 'it waits in COMMIT')
  await inTime(running, 'the copy')
  await assertSame([fleet.source, first], 't')
})

story("a COMMIT that is not answered within 'finish' is in doubt, and the other is committed", async () => {
  const manager = new CopyManager(
    fromTable(fleet.source, 't'),
    [intoTable(first, 't', { session: { synchronous_commit: 'on' } }), intoTable(second, 't')],
    { deadlines: { finish: LIMIT_MS, resolve: 500 } },
  )
  const { faults } = await inTime(iterate(manager), 'the copy')
  const fault = faultOf(faults[0], first.name)
  assert.deepEqual([fault.code, fault.phase], ['COPY_IN_DOUBT', 'commit'])
  assert.match(fault.message, /COMMIT was not answered within 2000 ms of finishing \(deadlines\.finish\)/)
  assertStates(manager, 'in-doubt', 'committed')
  // the server waits for its standby whether or not somebody listens
  const ended = await first.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`,
  )
  assert.equal(ended.length, 1)
  await assertSame(fleet.all, 't')
})

story(
  'row 16: a target that is cut after CopyDone, before CommandComplete, is a fault and not in doubt',
  async () => {
    const proxy = await relay(first, cutInsteadOf(`COPY ${ROWS}`))
    try {
      const manager = new CopyManager(fromTable(fleet.source, 't'), [
        intoTable(first, 't', { connection: proxy.connection }),
        intoTable(second, 't'),
      ])
      const { faults } = await inTime(iterate(manager), 'the copy')
      const fault = faultOf(faults[0], first.name)
      assert.deepEqual([fault.code, fault.phase], ['COPY_CONNECTION_LOST', 'complete'])
      assertStates(manager, 'dropped', 'committed')
    } finally {
      await proxy.close()
    }
    await assertSame([fleet.source, second], 't')
    await assertRows([first], 't', 0)
  },
)
