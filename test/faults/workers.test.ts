import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyAborted,
  CopyManager,
  type CopyManagerOptions,
  ReceiverFault,
  WorkerPool,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertSame,
  failsWith,
  faultOf,
  fromTable,
  inTime,
  intoTable,
  iterate,
  RING,
  story,
  until,
} from '../support/story.js'
import { watchThreads } from '../support/threads.js'

const fleet = await startFleet(2, { rows: 30_000, row: 'i, repeat(md5(i::text), 6)' })
const [first, second] = fleet.targets as [Server, Server]

const folder = mkdtempSync(join(tmpdir(), 'copyman-workers-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const once = join(folder, 'once')
process.env.COPYMAN_TEST_ONCE = once
/** What misbehaves the first time does so again. */
const again = () => rmSync(once, { force: true })
beforeEach(again)

const module = (exportName: string, file = 'misbehaving', zeroCopy = false): CallReceiver =>
  new CallReceiver(new URL(`../fixtures/${file}.js`, import.meta.url), { name: 'bad', exportName, zeroCopy })

const others = () => [intoTable(first, 't'), intoTable(second, 't')]
const from = () => fromTable(fleet.source, 't')

/** A copy into a misbehaving module and two servers, iterated to its end, the module reconciled from the start. */
const brokenOnce = async (
  bad: CallReceiver,
  expected: { readonly code: string; readonly message: RegExp },
  options: CopyManagerOptions = {},
): Promise<void> => {
  await using manager = new CopyManager(from(), [bad, ...others()], { ring: RING, ...options })
  await manager.open()
  const { faults } = await inTime(
    iterate(manager, {
      fault: async (fault) => {
        const error = faultOf(fault, 'bad')
        assert.equal(error.code, expected.code, error.message)
        assert.match(error.message, expected.message)
        await manager.reconcile(bad, { from: 'start' })
      },
    }),
    'the copy',
  )
  assert.equal(faults.length, 1)
  assert.deepEqual(
    manager.outcomes.map(({ state, passes }) => [state, passes]),
    [
      ['completed', 2],
      ['committed', 1],
      ['committed', 1],
    ],
  )
  await manager.close()
  await assertSame(fleet.all, 't')
}

for (const [exportName, code, message] of [
  ['throws', 'COPY_CALLABLE', /not today/],
  ['exits', 'COPY_WORKER', /exited with code: 7/],
  ['exitsOnLastWords', 'COPY_WORKER', /exited with code: 0/],
  ['rejectsUnheard', 'COPY_WORKER', /nobody hears this/],
  ['throwsInTimer', 'COPY_WORKER', /nobody catches this/],
] as const) {
  story(
    `row 18: a module that ${exportName} is its own receiver's fault at once, and goes on in a new thread`,
    async () => {
      await brokenOnce(module(exportName), { code, message })
    },
  )
}

story(
  "row 18: a thread that is out of memory is its own receiver's fault, and the process lives on",
  async () => {
    // for threads that start from now on
    setFlagsFromString('--max-old-space-size=48')
    try {
      const expected = { code: 'COPY_WORKER', message: /out of memory/i }
      // a heap that is nearly full stands still as well, while it is collected again and again
      await brokenOnce(module('runsOutOfMemory'), expected, { deadlines: { thread: 0 } })
    } finally {
      setFlagsFromString('--max-old-space-size=2048')
    }
  },
)

story(
  'row 18: a module that ends its thread when it is loaded can be reconciled from the start',
  async () => {
    const expected = { code: 'COPY_WORKER', message: /exited with code: 3/ }
    await brokenOnce(module('takes', 'exits-when-loaded'), expected)
  },
)

story("row 18: under 'abort' a thread's end ends the copy, with nothing loaded anywhere", async () => {
  await using manager = new CopyManager(from(), [module('exits'), ...others()], { ring: RING })
  const error = await inTime(failsWith(manager.run(), { cause: ReceiverFault }), 'the copy')
  assert.equal(faultOf(error.cause, 'bad').code, 'COPY_WORKER')
  await fleet.assertEmpty('t')
})

story("row 18: a user's pool keeps its number of threads when some of them end", async () => {
  await using pool = new WorkerPool({ threads: 3 })
  for (const exportName of ['exits', 'rejectsUnheard', 'spins']) {
    again()
    await fleet.onTargets('TRUNCATE t')
    const receivers = [module(exportName), ...others()]
    await using manager = new CopyManager(from(), receivers, {
      pool,
      ring: RING,
      deadlines: { thread: 1000 },
    })
    const result = await inTime(manager.run({ onFault: 'isolate' }), 'the copy')
    assert.deepEqual(
      result.receivers.map(({ state }) => state),
      ['dropped', 'committed', 'committed'],
    )
    await assertSame(fleet.all, 't')
  }
  // it still has three threads to give: a copy that needs all of them gets them, and one that needs more is refused
  await fleet.onTargets('TRUNCATE t')
  const fine = [module('throws'), ...others()]
  await inTime(new CopyManager(from(), fine, { pool }).run(), 'a copy into three')
  await assertSame(fleet.all, 't')
  await assert.rejects(new CopyManager(from(), [...fine, module('throws')], { pool }).run(), {
    message: /has 3 threads, the copy needs 4/,
  })
})

const SPIN = { code: 'COPY_WORKER', message: /stood still for \d+ ms and was ended/ }

story(
  "row 19: a module that spins is its receiver's fault by the default deadline, and goes on in a new thread",
  async () => {
    const threads = watchThreads()
    try {
      await brokenOnce(module('spins'), SPIN)
      // one more than receivers, and the one that spun has exited
      assert.equal(threads.started.length, 4)
      await until(() => threads.running.length === 0, 'all threads exit')
    } finally {
      threads.stop()
    }
  },
)

for (const [what, bad] of [
  ['spins in microtasks', () => module('spinsInMicrotasks')],
  ['spins when it is loaded', () => module('takes', 'spins-when-loaded')],
  ['spins in a slot that it was lent', () => module('spins', 'misbehaving', true)],
] as const) {
  story(`row 19: a module that ${what} is its receiver's fault, and goes on in a new thread`, async () => {
    await brokenOnce(bad(), SPIN, { deadlines: { thread: 1000 } })
  })
}

story('row 19: a slot that was lent is not used again before its thread has exited', async () => {
  const threads = watchThreads()
  const options = { ring: RING, deadlines: { thread: 500, abort: 200 } }
  await using manager = new CopyManager(from(), [module('blocks', 'misbehaving', true), ...others()], options)
  try {
    let exitedAt = Number.POSITIVE_INFINITY
    let movedOnAt = Number.POSITIVE_INFINITY
    let droppedAt = Number.POSITIVE_INFINITY
    const look = setInterval(() => {
      const { bytes, receivers } = manager.stats()
      const now = performance.now()
      if (threads.started.length > threads.running.length) exitedAt = Math.min(exitedAt, now)
      if (bytes > RING.slots * RING.slotBytes) movedOnAt = Math.min(movedOnAt, now)
      if (receivers[0]?.state === 'dropped') droppedAt = Math.min(droppedAt, now)
    }, 5)
    const { faults } = await inTime(iterate(manager), 'the copy').finally(() => clearInterval(look))
    assert.match(faultOf(faults[0], 'bad').message, SPIN.message)
    // the loop is not held up by a thread that cannot be ended; the ring is
    assert.ok(droppedAt < exitedAt, 'dropped before its thread exited')
    assert.ok(exitedAt <= movedOnAt, 'moved on before its thread exited')
  } finally {
    threads.stop()
  }
  await assertSame(fleet.all, 't')
})

story(
  'row 19: a receiver whose thread does not end joins no further pass, also where its reconcile was not awaited',
  async () => {
    const threads = watchThreads()
    const bad = module('blocks')
    const options = { deadlines: { thread: 300, abort: 1 } }
    await using manager = new CopyManager(from(), [bad, ...others()], options)
    try {
      let refused: Promise<void> | undefined
      const iterating = iterate(manager, {
        fault: () => {
          refused ??= assert.rejects(manager.reconcile(bad, { from: 'start' }), /its thread does not end/)
        },
      })
      await inTime(iterating, 'the copy')
      await refused
      assert.deepEqual(
        manager.outcomes.map(({ state, passes }) => [state, passes]),
        [
          ['dropped', 1],
          ['committed', 1],
          ['committed', 1],
        ],
      )
      await until(() => threads.running.length === 0, 'all threads exit')
    } finally {
      threads.stop()
    }
    await assertSame(fleet.all, 't')
  },
)

story('row 19: a copy whose thread spins is aborted within its deadline', async (s) => {
  for (const file of ['misbehaving', 'spins-when-loaded']) {
    again()
    const controller = new AbortController()
    const options = { ring: RING, signal: controller.signal, deadlines: { thread: 0, abort: 300 } }
    const exportName = file === 'misbehaving' ? 'spins' : 'takes'
    await using manager = new CopyManager(from(), [module(exportName, file), ...others()], options)
    const running = manager.run().catch((error: unknown) => error)
    await until(() => manager.stats().bytes > 0 || file !== 'misbehaving', 'it moves')
    await until(() => existsSync(once), 'it spins')
    controller.abort()
    assert.ok((await inTime(running, 'the end')) instanceof CopyAborted)
    await s.assertNothingLeft()
    await fleet.assertEmpty('t')
  }
})

story(
  'row 19: a thread that spins after its receiver is complete keeps the others from neither COMMIT nor end',
  async () => {
    const barrier = await second.client()
    try {
      await barrier.query('SELECT pg_advisory_lock(1)')
      const receivers = [
        module('spinsLater'),
        intoTable(first, 't'),
        intoTable(second, 't', { after: ['SELECT pg_advisory_xact_lock(1)'] }),
      ]
      const options = { deadlines: { thread: 1000 } }
      await using manager = new CopyManager(from(), receivers, options)
      const threads = watchThreads()
      const running = manager.run()
      running.catch(() => undefined)
      await until(() => threads.running.length === 3, 'three threads run')
      await until(() => threads.running.length === 2, 'the one that spins was ended')
      threads.stop()
      await barrier.query('SELECT pg_advisory_unlock(1)')
      const { receivers: ends } = await inTime(running, 'the copy')
      // it spins in the first slice's timer: by then it may have been given all of them, or not
      assert.ok(['completed', 'dropped'].includes(ends[0]?.state as string))
      assert.deepEqual(
        ends.slice(1).map(({ state }) => state),
        ['committed', 'committed'],
      )
    } finally {
      await barrier.end()
    }
    await assertSame(fleet.all, 't')
  },
)

story(
  'row 19: neither a busy main thread nor a module that computes with pauses is taken for one that spins',
  async () => {
    let isBusy = false
    const options = { ring: RING, deadlines: { thread: 1000 } }
    await using manager = new CopyManager(from(), [module('computesWithPauses'), ...others()], options)
    const { faults } = await inTime(
      iterate(manager, {
        cycle: async () => {
          if (isBusy) return
          isBusy = true
          for (const busyMs of [2500, 600, 600, 600]) {
            for (const end = performance.now() + busyMs; performance.now() < end; );
            await new Promise(setImmediate)
          }
        },
      }),
      'the copy',
    )
    assert.deepEqual(faults, [])
    await manager.close()
    await assertSame(fleet.all, 't')
  },
)
