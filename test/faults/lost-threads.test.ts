import assert from 'node:assert/strict'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CopyManager,
  type CopyManagerOptions,
  type Receiver,
  type ReceiverFault,
  type StatementReceiverOptions,
} from '../../src/index.js'
import { type Caught, startCommitProxy } from '../support/commit-proxy.js'
import { startFleet } from '../support/fleet.js'
import { assertSame, fromTable, inTime, intoTable, iterate, story, until } from '../support/story.js'
import { type Threads, watchThreads } from '../support/threads.js'

// no such standby ever answers: a backend waits for it in COMMIT until the wait is ended, and has committed then
const fleet = await startFleet(3, {
  settings: { synchronous_standby_names: 'nobody' },
  rows: 30_000,
  row: 'i, repeat(md5(i::text), 6)',
})
const [first, , third] = fleet.targets as [Server, Server, Server]

type More = Partial<Extract<StatementReceiverOptions, { connection: unknown }>>
const intoAll = (more: More = {}): Receiver[] => fleet.targets.map((target) => intoTable(target, 't', more))
const LOCK = 'SELECT pg_advisory_xact_lock(1)'

/** Ends one of the threads, whichever receiver's it is, as soon as there are three. */
const endOne = async (threads: Threads): Promise<void> => {
  await until(() => threads.running.length === 3, 'three threads run')
  await threads.running[0]?.terminate()
}

const assertOne = (fault: ReceiverFault<Receiver>): Receiver => {
  const [receiver] = fault.faults.keys()
  assert.equal(fault.faults.size, 1, fault.message)
  assert.equal(fault.faults.get(receiver as Receiver)?.code, 'COPY_WORKER', fault.message)
  return receiver as Receiver
}

/** The thread of one of three servers' receivers ends in the course of `act`; it is reconciled, and all are loaded once. */
const losingOne = async (
  more: More,
  act: (manager: CopyManager, threads: Threads) => Promise<() => Promise<void>>,
  options: CopyManagerOptions = {},
): Promise<void> => {
  const threads = watchThreads()
  const holder = await third.client()
  try {
    await holder.query('SELECT pg_advisory_lock(1)')
    await using manager = new CopyManager(fromTable(fleet.source, 't'), intoAll(more), options)
    const acting = act(manager, threads)
    let lost: Receiver | undefined
    const iterating = iterate(manager, {
      cycle: async () => (await acting)(),
      fault: async (fault) => {
        lost = assertOne(fault)
        await holder.query('SELECT pg_advisory_unlock(1)')
        await manager.reconcile(lost, { from: 'start' })
      },
    })
    iterating.catch(() => undefined)
    await inTime(acting, 'the end of a thread')
    await holder.query('SELECT pg_advisory_unlock_all()')
    const { faults } = await inTime(iterating, 'the copy')
    assert.equal(faults.length, 1)
    const names = fleet.targets.map(({ name }) => name)
    assert.deepEqual(
      manager.outcomes.map(({ name, state, passes }) => [name, state, passes]),
      names.map((name) => [name, 'committed', name === lost?.name ? 2 : 1]),
    )
    assert.equal(threads.started.length, 4)
  } finally {
    threads.stop()
    await holder.end()
  }
  await assertSame(fleet.all, 't')
}

const nothing = async (): Promise<void> => undefined

story("row 18: a server's thread that ends while it opens is its own receiver's fault", async () => {
  await losingOne({ before: [LOCK] }, async (manager, threads) => {
    await until(() => threads.started.length === 3, 'three threads start')
    await until(
      async () =>
        (await third.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'")).length === 1,
      'one waits for the lock',
    )
    assert.equal(manager.stats().receivers[2]?.state, 'opening')
    await endOne(threads)
    return nothing
  })
})

story("row 18: a server's thread that ends in mid-copy is its own receiver's fault", async () => {
  let isEnded = false
  await losingOne(
    {},
    async (_manager, threads) => async () => {
      // the loop stands still meanwhile, and so the copy
      if (isEnded) return
      isEnded = true
      await endOne(threads)
    },
    { ring: { slots: 4, slotBytes: 64 * 1024 } },
  )
})

story("row 18: a server's thread that ends at the barrier is its own receiver's fault", async () => {
  await losingOne({ after: [LOCK] }, async (manager, threads) => {
    await until(
      () => manager.stats().receivers.filter(({ state }) => state === 'completed').length === 2,
      'two wait at the barrier',
    )
    await endOne(threads)
    return nothing
  })
})

story(
  'row 17: a COMMIT whose thread is ended while the server is at it is asked for, and counts as done',
  async () => {
    const threads = watchThreads()
    const waiting = async (): Promise<number> => {
      let count = 0
      for (const server of fleet.targets)
        count += (await server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")).length
      return count
    }
    try {
      const receivers = intoAll({ session: { synchronous_commit: 'on' } })
      await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers)
      const running = manager.run({ onFault: 'isolate' })
      running.catch(() => undefined)
      await until(async () => (await waiting()) === 3, 'three servers are in COMMIT')
      await endOne(threads)
      for (const server of fleet.targets)
        await server.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        )
      const { warnings } = await inTime(running, 'the copy')
      assert.deepEqual(
        manager.outcomes.map(({ state, passes }) => [state, passes]),
        [1, 2, 3].map(() => ['committed', 1]),
      )
      // the other two lost theirs with their backends
      assert.equal(warnings.length, 3)
      assert.equal(warnings.filter(({ message }) => /worker thread ended/.test(message)).length, 1)
    } finally {
      threads.stop()
    }
    await assertSame(fleet.all, 't')
  },
)

story(
  'row 17: a COMMIT whose thread is ended before the server has heard of it is rolled back, and loaded from the start',
  async () => {
    const threads = watchThreads()
    let caught: Caught | undefined
    const proxy = await startCommitProxy(first, (commit) => {
      caught = commit
    })
    try {
      const lost = intoTable(first, 't', { connection: proxy.connection })
      await using manager = new CopyManager(fromTable(fleet.source, 't'), [lost])
      const iterating = iterate(manager, {
        fault: async (fault) => {
          const [error] = fault.faults.values()
          assert.deepEqual([error?.code, error?.phase], ['COPY_CONNECTION_LOST', 'commit'])
          assert.match(
            error?.message as string,
            /COMMIT was lost and the server rolled back: the worker thread/,
          )
          await manager.reconcile(lost, { from: 'start' })
        },
      })
      iterating.catch(() => undefined)
      await until(() => caught !== undefined, 'COMMIT is sent')
      await threads.running[0]?.terminate()
      const { faults } = await inTime(iterating, 'the copy')
      assert.equal(faults.length, 1)
      assert.deepEqual(
        manager.outcomes.map(({ state, passes }) => [state, passes]),
        [['committed', 2]],
      )
    } finally {
      threads.stop()
      await proxy.close()
    }
    await assertSame([fleet.source, first], 't')
  },
)
