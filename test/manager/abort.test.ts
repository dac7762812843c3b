import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyAborted, CopyError, CopyManager, type CopyManagerOptions, copy } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertStates,
  fromTable,
  intoTable,
  iterate,
  logFromNow,
  once,
  story,
  until,
} from '../support/story.js'

const ROWS = 100_000
const fleet = await startFleet(2, { rows: ROWS, row: "i, repeat('x', 100)" })

const RING = { slots: 4, slotBytes: 16 * 1024 }

const makeManager = (options: CopyManagerOptions = {}): CopyManager =>
  new CopyManager(
    fromTable(fleet.source, 't'),
    fleet.targets.map((target) => intoTable(target, 't')),
    { ring: RING, ...options },
  )

/**
 * Aborts a copy in mid-copy, in the way that the test gives. Both ends must return to a message boundary on their own:
 * the servers' logs show a CopyFail and a cancelled statement, not connections that broke.
 */
const aborted = async (abortCopy: (manager: CopyManager) => Promise<void>): Promise<void> => {
  const logs = await Promise.all(fleet.all.map(logFromNow))
  const manager = makeManager()
  await abortCopy(manager)
  await fleet.assertNoConnections()
  await fleet.assertEmpty('t')
  const [source, ...targets] = await Promise.all(logs.map((log) => log()))
  assert.match(source ?? '', /canceling statement due to user request/)
  for (const log of targets) assert.match(log, /COPY from stdin failed: the copy was aborted/)
  for (const log of [source, ...targets])
    assert.doesNotMatch(log ?? '', /FATAL|could not (send|receive)|connection to client lost|unexpected EOF/)
  for (const server of fleet.all)
    assert.deepEqual(await server.query('SELECT 1 AS one'), [{ one: 1 }], server.name)
  await assert.rejects(
    manager.next(),
    (error: unknown) => error instanceof CopyError && error.code === 'COPY_STATE',
  )
}

story(
  'leaving the loop at once throws CopyAborted, both ends are realigned and no row is loaded',
  async () => {
    await aborted(async (manager) => {
      let turns = 0
      await assert.rejects(
        async () => {
          for await (const _ of manager) {
            turns += 1
            break
          }
        },
        (error: unknown) => error instanceof CopyAborted && error.committed.length === 0,
      )
      assert.equal(turns, 1)
    })
  },
)

story('close() in mid-copy throws CopyAborted, and nothing the second time', async () => {
  await aborted(async (manager) => {
    await manager.open()
    await manager.next()
    await assert.rejects(manager.close(), CopyAborted)
    await manager.close()
  })
})

story('an exception in the loop comes out unchanged', async () => {
  const boom = new RangeError('boom')
  await aborted(async (manager) => {
    const thrown = await (async () => {
      try {
        for await (const _ of manager) throw boom
      } finally {
        await manager[Symbol.asyncDispose]()
      }
    })().catch((error: unknown) => error)
    assert.equal(thrown, boom)
    assert.equal(boom.cause, undefined)
  })
})

story('an exception between open() and the loop comes out unchanged', async () => {
  const boom = new RangeError('boom')
  await aborted(async (manager) => {
    const thrown = await (async () => {
      try {
        await manager.open()
        throw boom
      } finally {
        await manager[Symbol.asyncDispose]()
      }
    })().catch((error: unknown) => error)
    assert.equal(thrown, boom)
  })
})

story('an exception of onFault ends the copy and is the cause of CopyAborted', async () => {
  const boom = new RangeError('boom')
  const copying = copy({
    from: fromTable(fleet.source, 't'),
    to: [
      ...fleet.targets.map((target) => intoTable(target, 't')),
      () => {
        throw new Error('the fault')
      },
    ],
    onFault: () => {
      throw boom
    },
    ring: RING,
  })
  await assert.rejects(copying, (error: unknown) => error instanceof CopyAborted && error.cause === boom)
  await fleet.assertEmpty('t')
})

story('a signal in mid-copy ends the iteration with its reason', async () => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const manager = makeManager({ signal: controller.signal })
  const iterating = iterate(manager, { cycle: once(() => controller.abort(reason)) })
  await assert.rejects(iterating, (error: unknown) => error instanceof CopyAborted && error.cause === reason)
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0)
  await manager.close()
  await fleet.assertEmpty('t')
})

for (const atomicity of ['barrier', 'each'] as const) {
  story(
    `a signal at the barrier, under '${atomicity}': what is visible is what the error lists`,
    async () => {
      const [quick, slow] = fleet.targets as [Server, Server]
      const reason = new Error('enough')
      const controller = new AbortController()
      const manager = new CopyManager(
        fromTable(fleet.source, 't'),
        [intoTable(quick, 't'), intoTable(slow, 't', { after: ['SELECT pg_sleep(60)'] })],
        { signal: controller.signal, atomicity },
      )
      const running = manager.run({ onFault: 'isolate' })
      running.catch(() => undefined)
      const stateOf = (i: number) => manager.stats().receivers[i]?.state
      const complete = atomicity === 'barrier' ? 'completed' : 'committed'
      await until(() => stateOf(0) === complete, `the first is ${complete}`)
      await until(() => stateOf(1) === 'completing', 'the slow one is completing')
      controller.abort(reason)
      const error = await running.catch((error: unknown) => error)
      assert.ok(error instanceof CopyAborted, String(error))
      assert.equal(error.cause, reason)
      assert.deepEqual(error.committed, atomicity === 'barrier' ? [] : [quick.name])
      assert.deepEqual(
        manager.outcomes.map(({ state }) => state),
        atomicity === 'barrier' ? ['rolled-back', 'aborted'] : ['committed', 'aborted'],
      )
      await assertRows([quick], 't', atomicity === 'barrier' ? 0 : ROWS)
      await assertRows([slow], 't', 0)
    },
  )
}

story('a signal between two commits stops before the second, and the error lists the first', async () => {
  const [first, second] = fleet.targets as [Server, Server]
  const reason = new Error('enough')
  const controller = new AbortController()
  const manager = new CopyManager(
    fromTable(fleet.source, 't'),
    [
      // PostgreSQL delivers a transaction's own NOTIFY with the answer to its COMMIT
      intoTable(first, 't', { before: ['LISTEN loaded'], after: ['NOTIFY loaded'] }),
      intoTable(second, 't'),
    ],
    { signal: controller.signal },
  )
  manager.on('notification', () => controller.abort(reason))
  const log = await logFromNow(second)
  const error = await manager.run().catch((error: unknown) => error)
  assert.ok(error instanceof CopyAborted, String(error))
  assert.deepEqual(error.committed, [first.name])
  assert.match(error.message, /already committed: target1/)
  assertStates(manager, 'committed', 'rolled-back')
  await fleet.assertNoConnections()
  await assertRows([first], 't', ROWS)
  await assertRows([second], 't', 0)
  // a COMMIT after the ROLLBACK would load nothing either, with a warning only
  assert.doesNotMatch(await log(), /no transaction in progress/)
})
