import assert from 'node:assert/strict'
import { afterEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyFailed, CopyManager } from '../../src/index.js'
import { type Caught, cutTheAnswer, startCommitProxy } from '../support/commit-proxy.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  fromTable,
  inTime,
  intoTable,
  logFromNow,
  story,
  until,
} from '../support/story.js'

// nothing but a COMMIT flushes the log here: what was not committed is lost in a crash
const fleet = await startFleet(1, {
  settings: {
    synchronous_commit: 'on',
    wal_writer_delay: '10s',
    bgwriter_lru_maxpages: '0',
    autovacuum: 'off',
  },
})
const [target] = fleet.targets as [Server]
const ROWS = 200

await fleet.everywhere('CREATE TABLE t (i int, s text)')
await fleet.source.query(`INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, ${ROWS}) AS i`)
afterEach(() => target.query('TRUNCATE t'))

interface Backend {
  readonly pid: number
  readonly id: string
}

const restart = async (): Promise<void> => {
  await target.stop('immediate')
  await target.start()
}
/** Its postmaster lives on, and refuses connections until the recovery is complete. */
const backendCrash = async ({ pid }: Backend): Promise<void> => {
  const log = await logFromNow(target)
  process.kill(pid, 'SIGKILL')
  const isOver = async (): Promise<boolean> => /ready to accept connections/.test(await log())
  await until(isOver, 'the server has recovered')
}

const transact = (id: string): Promise<unknown> =>
  target.query(
    `DO $$ BEGIN LOOP EXIT WHEN pg_current_xact_id()::text::bigint >= ${id}; COMMIT; END LOOP; END $$`,
  )
const statusOf = async (id: string): Promise<unknown> =>
  (await target.query(`SELECT pg_xact_status('${id}') AS status`))[0]?.status

interface Course {
  /** What is done with the COMMIT. */
  readonly atCommit: (caught: Caught) => void
  /** What happens to the server before it can be reached again. */
  readonly meanwhile: (backend: Backend) => Promise<void>
}

/** Copies into a target whose COMMIT is not answered, and to whose server something happens then. */
const copy = async ({ atCommit, meanwhile }: Course, retry = 0): Promise<CopyManager> => {
  let caught: Caught | undefined
  const proxy = await startCommitProxy(target, (commit) => {
    caught = commit
  })
  try {
    const receiver = intoTable(target, 't', { connection: proxy.connection })
    await using manager = new CopyManager(fromTable(fleet.source, 't'), [receiver])
    const running = manager.run({ retry: { times: retry, backoff: 0 } }).then(
      () => undefined,
      (error: unknown) => error,
    )
    await until(() => caught !== undefined, 'COMMIT is sent')
    const [backend] = await target.query<{ pid: number; id: string }>(
      `SELECT pid, backend_xid::text AS id FROM pg_stat_activity WHERE application_name = 'copyman'`,
    )
    assert.ok(backend)
    proxy.goTo(undefined)
    atCommit(caught as Caught)
    await meanwhile(backend)
    proxy.goTo(target)
    const error = await inTime(running, 'the end of the copy')
    if (error !== undefined) assert.ok(error instanceof CopyFailed, String(error))
    return manager
  } finally {
    await proxy.close()
  }
}

const keepIt = (): void => undefined
const assertDoubt = (manager: CopyManager, why: RegExp): void => {
  const [outcome] = manager.outcomes
  assert.equal(outcome?.state, 'in-doubt', outcome?.fault?.message)
  assert.match(outcome.fault?.message as string, why)
}

for (const [how, crash] of [
  ['its server', restart],
  ['one backend of its server', backendCrash],
] as const) {
  story(
    `row 17: a COMMIT that was lost in a crash of ${how} is rolled back, though its id is another's now, committed`,
    async () => {
      const course: Course = {
        atCommit: keepIt,
        meanwhile: async (backend) => {
          await crash(backend)
          await transact(backend.id)
          assert.equal(await statusOf(backend.id), 'committed')
        },
      }
      const manager = await copy(course)
      const [outcome] = manager.outcomes
      assert.equal(outcome?.state, 'rolled-back')
      assert.match(outcome.fault?.message as string, /COMMIT was lost and the server rolled back/)
      await fleet.assertEmpty('t')

      const again = await copy(course, 1)
      assert.deepEqual([again.outcomes[0]?.state, again.outcomes[0]?.passes], ['committed', 2])
      await assertSame(fleet.all, 't')
    },
  )

  story(`row 17: a COMMIT that was done counts as done after a crash of ${how}`, async () => {
    const manager = await copy({
      atCommit: cutTheAnswer,
      meanwhile: async (backend) => {
        await until(async () => (await statusOf(backend.id)) === 'committed', 'it is committed')
        // its own backend may have gone
        const client = await target.client()
        const [other] = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows
        await crash({ id: backend.id, pid: other?.pid as number })
        await client.end().catch(() => undefined)
      },
    })
    assert.equal(manager.outcomes[0]?.state, 'committed')
    assert.match(String(manager.warnings), /server says that transaction \d+ was committed/)
    await assertSame(fleet.all, 't')
  })
}

story(
  'row 17: after a crash and a further restart, a COMMIT is in doubt: the last checkpoint is not that of the recovery',
  async () => {
    const lost = await copy({
      atCommit: keepIt,
      meanwhile: async (backend) => {
        await backendCrash(backend)
        await transact(backend.id)
        await target.stop('fast')
        await target.start()
        assert.equal(await statusOf(backend.id), 'committed')
      },
    })
    assertDoubt(lost, /has crashed since/)
    await fleet.assertEmpty('t')
  },
)

story(
  'row 17: a server that resets its statistics without a crash is never reported to have lost a COMMIT',
  async () => {
    // its last checkpoint is that of its start, before the transaction
    await restart()
    const done = await copy({
      atCommit: cutTheAnswer,
      meanwhile: async ({ id }) => {
        await until(async () => (await statusOf(id)) === 'committed', 'it is committed')
        await target.query("SELECT pg_stat_reset_shared('bgwriter')")
      },
    })
    // PostgreSQL 14 may not have reset its statistics yet when it is asked
    assert.match(String(done.outcomes[0]?.state), /^(in-doubt|committed)$/)
    await assertRows([target], 't', ROWS)
  },
)

// last but for those that need no recovery: the server stays at wal_level minimal
for (const level of ['replica', 'minimal']) {
  story(
    `row 17: after a crash and the next checkpoint, a COMMIT is in doubt, wal_level ${level}`,
    async () => {
      const lost = await copy({
        atCommit: keepIt,
        meanwhile: async (backend) => {
          await target.query(`ALTER SYSTEM SET wal_level = ${level}`)
          await target.query('ALTER SYSTEM SET max_wal_senders = 0')
          await restart()
          await transact(backend.id)
          await target.query('CHECKPOINT')
          assert.equal(await statusOf(backend.id), 'committed')
        },
      })
      assertDoubt(lost, /has crashed since/)
      await fleet.assertEmpty('t')

      const done = await copy({
        atCommit: cutTheAnswer,
        meanwhile: async ({ id }) => {
          await until(async () => (await statusOf(id)) === 'committed', 'it is committed')
          await restart()
          await target.query('CREATE TABLE more (); DROP TABLE more')
          await target.query('CHECKPOINT')
        },
      })
      assertDoubt(done, /has crashed since/)
      await assertRows([target], 't', ROWS)
    },
  )
}

story('row 17: after an orderly restart and a checkpoint, no COMMIT is in doubt', async () => {
  const done = await copy({
    atCommit: cutTheAnswer,
    meanwhile: async ({ id }) => {
      await until(async () => (await statusOf(id)) === 'committed', 'it is committed')
      await target.stop('fast')
      await target.start()
      await target.query('CREATE TABLE more (); DROP TABLE more')
      await target.query('CHECKPOINT')
    },
  })
  assert.equal(done.outcomes[0]?.state, 'committed')
  await assertSame(fleet.all, 't')
})

story('row 17: after a checkpoint of a running server, no COMMIT is in doubt', async () => {
  const manager = await copy({
    atCommit: cutTheAnswer,
    meanwhile: async ({ id }) => {
      await until(async () => (await statusOf(id)) === 'committed', 'it is committed')
      await target.query('ALTER SYSTEM SET autovacuum = on')
      await target.query('SELECT pg_reload_conf()')
      await target.query('CREATE TABLE more (); DROP TABLE more')
      await target.query('CHECKPOINT')
    },
  })
  assert.equal(manager.outcomes[0]?.state, 'committed')
  await assertSame(fleet.all, 't')
})
