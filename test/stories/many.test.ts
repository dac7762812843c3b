import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CopyAborted,
  CopyFailed,
  CopyManager,
  type CopyResult,
  copy,
  NullReceiver,
  WorkerPool,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { countRemains } from '../support/remains.js'
import { assertSame, fromTable, intoTable, terminateCopy, until } from '../support/story.js'

const fleet = await startFleet(2)
const ROWS = 5000
const TABLES = 32
const tables = Array.from({ length: TABLES }, (_, i) => `t${i}`)

await fleet.everywhere(
  `CREATE TABLE t (i int, s text); ${tables.map((table) => `CREATE TABLE ${table} (LIKE t);`).join('')}`,
)
await fleet.source.query(`INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, ${ROWS}) AS i`)
const truncate = () =>
  Promise.all(fleet.targets.map((target) => target.query(`TRUNCATE ${['t', ...tables].join()}`)))

/** Fails unless each of these tables holds on each target what the source's table holds. */
const assertAll = async (names: readonly string[]): Promise<void> => {
  const expected = await digestOf(fleet.source, 't')
  for (const target of fleet.targets)
    for (const table of names)
      assert.deepEqual(await digestOf(target, table), expected, `${target.name} ${table}`)
}

test('story 24: five managers at once share a pool that holds the threads of two', async () => {
  await truncate()
  const remains = countRemains()
  const pool = new WorkerPool({ threads: 4 })
  try {
    const five = tables.slice(0, 5)
    const results = await Promise.all(
      five.map((table) =>
        new CopyManager(
          fromTable(fleet.source, 't'),
          fleet.targets.map((target) => intoTable(target, table)),
          { pool, ring: { slots: 3, slotBytes: 16 * 1024 } },
        ).run(),
      ),
    )
    for (const { rows, receivers } of results) {
      assert.equal(rows, ROWS)
      assert.ok(receivers.every(({ state }) => state === 'committed'))
    }
    await assertAll(five)
    await fleet.assertNoConnections()
  } finally {
    await pool.close()
  }
  await remains.assertNoneLeft()
})

test('story 24: one copy into 64 receivers', async () => {
  await truncate()
  const remains = countRemains()
  const result = await copy({
    from: fromTable(fleet.source, 't'),
    to: fleet.targets.flatMap((target) => tables.map((table) => intoTable(target, table))),
    ring: { slots: 4, slotBytes: 16 * 1024 },
    deadlines: { connect: 60_000 },
  })
  assert.equal(result.receivers.length, 2 * TABLES)
  assert.ok(result.receivers.every(({ state, rows }) => state === 'committed' && rows === ROWS))
  await assertAll(tables)
  await fleet.assertNoConnections()
  await remains.assertNoneLeft()
})

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** What each open file of this process is; one that closes meanwhile is left out. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, '')]
    } catch {
      return []
    }
  })

/** What a process must not have more and more of. */
const held = async () => {
  for (let i = 0; i < 3; i++) {
    gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  const listeners = process
    .eventNames()
    .reduce((sum, name) => sum + process.listenerCount(name as NodeJS.Signals), 0)
  return {
    memory: heapUsed + external + arrayBuffers,
    threads: readdirSync('/proc/self/task').length,
    files: openFiles().sort(),
    listeners,
  }
}

const COPIES = 200
const WARM = 40

test(`story 25: ${COPIES} copies, half of them faulted, leave nothing behind`, async () => {
  const [first, second] = fleet.targets as [Server, Server]
  const signals = new AbortController()
  const good = () => intoTable(first, 't', { before: ['TRUNCATE t'] })
  const ring = { slots: 2, slotBytes: 16 * 1024 }
  /** Five kinds of fault, one after the other, each of which must end as it should. */
  const faulty: ((pool: WorkerPool | undefined) => Promise<void>)[] = [
    async (pool) => {
      const copying = copy({
        from: fromTable(fleet.source, 't'),
        to: [good(), intoTable(second, 'missing')],
        ...(pool && { pool }),
        ring,
      })
      await assert.rejects(copying, CopyFailed)
    },
    async (pool) => {
      const { receivers } = await copy({
        from: fromTable(fleet.source, 't'),
        to: [
          good(),
          () => {
            throw new Error('no')
          },
        ],
        onFault: 'isolate',
        ...(pool && { pool }),
        ring,
      })
      assert.deepEqual(
        receivers.map(({ state }) => state),
        ['committed', 'dropped'],
      )
    },
    async (pool) => {
      const controller = new AbortController()
      const copying = copy({
        from: fromTable(fleet.source, 't'),
        to: [good(), () => controller.abort()],
        signal: controller.signal,
        ...(pool && { pool }),
        ring,
      })
      await assert.rejects(copying, CopyAborted)
    },
    async (pool) => {
      const copying = copy({
        from: fromTable(fleet.source, '(SELECT 1 / (4000 - i), s FROM t)'),
        to: [good(), new NullReceiver()],
        ...(pool && { pool }),
        ring,
      })
      await assert.rejects(copying, CopyFailed)
    },
    async (pool) => {
      let killed = false
      const dying = intoTable(second, 't', { before: ['TRUNCATE t'] })
      const result: CopyResult = await copy({
        from: fromTable(fleet.source, 't'),
        to: [
          dying,
          async () => {
            if (killed) return
            killed = true
            await until(
              async () =>
                (await second.query(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY t %'`)).length > 0,
              'it copies',
            )
            await terminateCopy(second, 't')
          },
        ],
        onFault: (_, manager) => manager.reconcile(dying, { from: 'start' }),
        ...(pool && { pool }),
        ring,
      })
      assert.deepEqual(
        result.receivers.map(({ state, passes }) => [state, passes]),
        [
          ['committed', 2],
          ['completed', 1],
        ],
      )
    },
  ]
  const one = async (i: number, shared: WorkerPool): Promise<void> => {
    // most share a pool, so that they are quick; some start and end threads of their own
    const pool = i % 8 === 0 ? undefined : shared
    if (i % 2 === 0) {
      await (faulty[(i / 2) % faulty.length] as (typeof faulty)[number])(pool)
    } else {
      await copy({
        from: fromTable(fleet.source, 't'),
        to: [good()],
        signal: signals.signal,
        ...(pool && { pool }),
        ring,
      })
    }
  }
  const run = async (start: number, end: number): Promise<void> => {
    const shared = new WorkerPool({ threads: 4 })
    try {
      for (let i = start; i < end; i++) await one(i, shared)
    } finally {
      await shared.close()
    }
    await fleet.assertNoConnections()
  }
  const remains = countRemains()
  await run(0, WARM)
  await remains.assertNoneLeft()
  const before = await held()
  await run(WARM, COPIES)
  await remains.assertNoneLeft()
  assert.equal(getEventListeners(signals.signal, 'abort').length, 0)
  // threads go a moment after the last word of their pool
  const bound = performance.now() + 5000
  let after = await held()
  while (
    (after.threads > before.threads || after.files.length > before.files.length) &&
    performance.now() < bound
  )
    after = await held()
  assert.ok(after.threads <= before.threads, `threads: ${before.threads}, then ${after.threads}`)
  assert.ok(
    after.files.length <= before.files.length,
    `open files: ${before.files.join(' ')}, then ${after.files.join(' ')}`,
  )
  assert.equal(after.listeners, before.listeners, 'listeners on the process')
  const kib = (after.memory - before.memory) / 1024 / (COPIES - WARM)
  assert.ok(kib < 20, `${kib.toFixed(1)} KiB more for each copy`)
  await assertSame([fleet.source, first], 't')
})
