import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import {
  type CopyError,
  CopyManager,
  IteratorProducer,
  type Receiver,
  ReceiverFault,
} from '../../src/index.js'
import { ROLLBACK, startCommitProxy } from '../support/commit-proxy.js'
import { startFleet } from '../support/fleet.js'
import {
  assertSame,
  assertStates,
  failsWith,
  faultOf,
  fromTable,
  inTime,
  intoTable,
  iterate,
  story,
  until,
} from '../support/story.js'
import { watchThreads } from '../support/threads.js'

const fleet = await startFleet(3)
const [first, second, third] = fleet.targets as [Server, Server, Server]
await fleet.everywhere('CREATE TABLE t (i int, s text); CREATE TABLE u (i int)')
await fleet.source.query('INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 5000) AS i')
beforeEach(() => fleet.onTargets('TRUNCATE t, u'))

/** Into the first target by this receiver, and into the two others; its COMMIT fails once. */
const refusedOnce = async (
  make: () => Promise<{ receiver: Receiver; barrier?: () => Promise<void>; close: () => Promise<void> }>,
  check: (error: CopyError) => void,
): Promise<void> => {
  const { receiver, barrier, close } = await make()
  const holder = await third.client()
  try {
    await holder.query('SELECT pg_advisory_lock(1)')
    const after = ['SELECT pg_advisory_xact_lock(1)']
    const receivers = [receiver, intoTable(second, 't'), intoTable(third, 't', { after })]
    await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers)
    const iterating = iterate(manager, {
      fault: async (fault) => {
        const error = faultOf(fault, first.name)
        check(error)
        assert.equal(error.phase, 'commit')
        await manager.reconcile(receiver, { from: 'start' })
      },
    })
    iterating.catch(() => undefined)
    await until(() => manager.stats().receivers[0]?.state === 'completed', 'the first is complete')
    await barrier?.()
    await holder.query('SELECT pg_advisory_unlock(1)')
    const { faults } = await inTime(iterating, 'the copy')
    assert.equal(faults.length, 1)
    assert.deepEqual(
      manager.outcomes.map(({ state, passes }) => [state, passes]),
      [
        ['committed', 2],
        ['committed', 1],
        ['committed', 1],
      ],
    )
    assert.deepEqual(manager.warnings, [])
  } finally {
    await holder.end()
    await close()
  }
  await assertSame(fleet.all, 't')
}

story(
  'row 14: a COMMIT that is answered with ROLLBACK is no success, and its receiver is loaded from the start',
  async () => {
    await refusedOnce(
      async () => {
        // as a server answers whose transaction had failed
        const proxy = await startCommitProxy(first, ({ behind }) => behind.write(ROLLBACK))
        const receiver = intoTable(first, 't', { connection: proxy.connection })
        return { receiver, close: () => proxy.close() }
      },
      (error) => {
        assert.equal(error.code, 'COPY_COMMIT')
        assert.match(error.message, /answered COMMIT with ROLLBACK/)
      },
    )
  },
)

story(
  'row 14: a COMMIT that the server refuses is not in doubt, and its receiver is loaded from the start',
  async () => {
    await refusedOnce(
      async () => {
        // each of the two transactions read what the other wrote: the one that commits last is refused
        const connection = { ...first.connection, options: '-c default_transaction_isolation=serializable' }
        const receiver = intoTable(first, 't', { connection, after: ['SELECT count(*) FROM u'] })
        const rival = await first.client()
        await rival.query('BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM t')
        return {
          receiver,
          barrier: async () => {
            await rival.query('INSERT INTO u VALUES (1)')
            await rival.query('COMMIT')
          },
          close: () => rival.end(),
        }
      },
      (error) => assert.deepEqual([error.code, error.sqlState], ['COPY_SERVER', '40001']),
    )
  },
)

story(
  "row 14: under 'abort' a COMMIT that is answered with ROLLBACK is the last one that is sent",
  async () => {
    const proxy = await startCommitProxy(first, ({ behind }) => behind.write(ROLLBACK))
    try {
      const receivers = [intoTable(first, 't', { connection: proxy.connection }), intoTable(second, 't')]
      await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers)
      const error = await inTime(failsWith(manager.run(), { cause: ReceiverFault }), 'the copy')
      assert.deepEqual(error.committed, [])
    } finally {
      await proxy.close()
    }
    await fleet.assertEmpty('t')
  },
)

story(
  "under 'abort' a receiver whose thread ends while another commits is its fault, and no COMMIT is sent for it",
  async () => {
    const threads = watchThreads()
    const proxy = await startCommitProxy(first, async ({ behind, message }) => {
      // threads start in the order of their receivers
      await threads.started[1]?.terminate()
      await until(() => manager.outcomes[1]?.fault !== undefined, 'the end of the thread is known')
      behind.write(message)
    })
    const receivers = [
      intoTable(first, 't', { connection: proxy.connection }),
      intoTable(second, 't'),
      intoTable(third, 't'),
    ]
    await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers)
    try {
      const error = await inTime(failsWith(manager.run(), { cause: ReceiverFault }), 'the copy')
      assert.equal(faultOf(error.cause, second.name).code, 'COPY_WORKER')
      assert.deepEqual(error.committed, [first.name])
      assertStates(manager, 'committed', 'rolled-back', 'rolled-back')
    } finally {
      threads.stop()
      await proxy.close()
    }
    await assertSame([fleet.source, first], 't')
  },
)

story(
  "where the source cannot count, a receiver with more rows than one that has committed under 'each' is a fault",
  async () => {
    const holder = await second.client()
    try {
      await holder.query('SELECT pg_advisory_lock(1)')
      const short = intoTable(first, 'u', { statement: 'COPY u FROM STDIN WHERE i <> 2' })
      const full = intoTable(second, 'u', { after: ['SELECT pg_advisory_xact_lock(1)'] })
      await using manager = new CopyManager(new IteratorProducer(['1\n2', '\n3\n']), [short, full], {
        atomicity: 'each',
      })
      const iterating = iterate(manager)
      iterating.catch(() => undefined)
      await until(() => manager.outcomes[0]?.state === 'committed', 'the first is committed')
      await holder.query('SELECT pg_advisory_unlock(1)')
      const { faults } = await inTime(iterating, 'the copy')
      const error = faultOf(faults[0], second.name)
      assert.equal(error.code, 'COPY_COUNT_MISMATCH')
      assert.match(error.message, /^3 rows were loaded but another receiver loaded 2/)
    } finally {
      await holder.end()
    }
  },
)
