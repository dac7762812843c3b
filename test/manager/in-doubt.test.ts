import assert from 'node:assert/strict'
import pg from 'pg'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyAborted, CopyManager, type CopyManagerOptions, StatementReceiver } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import {
  assertRows,
  assertSame,
  assertStates,
  fromTable,
  goOn,
  inTime,
  intoTable,
  story,
  until,
} from '../support/story.js'
import { cutInsteadOf } from '../support/treatments.js'

const ROWS = 5000
// no such standby ever answers: a backend waits for it in COMMIT until it is terminated, and has committed then
const fleet = await startFleet(2, { settings: { synchronous_standby_names: 'nobody' }, rows: ROWS })
const [first, second] = fleet.targets as [Server, Server]

const OURS = `application_name = 'copyman'`

/** Ends a backend of ours that waits in COMMIT, as soon as there is one. */
const terminateInCommit = (server: Server): Promise<void> =>
  until(async () => {
    const ended = await server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS} AND wait_event = 'SyncRep'`,
    )
    return ended.length === 1
  }, 'a backend waits in COMMIT')

/** A receiver of the first target on a client of a pool; the one that asks takes the place of the one that is lost. */
const byPool = async (
  connection: pg.PoolConfig,
  use: (lost: StatementReceiver) => Promise<void>,
): Promise<void> => {
  const pool = new pg.Pool({ ...connection, application_name: 'copyman', max: 1 })
  try {
    await use(
      new StatementReceiver({
        client: pool,
        name: first.name,
        statement: 'COPY t FROM STDIN',
        session: { synchronous_commit: 'on' },
      }),
    )
    assert.deepEqual([pool.totalCount, pool.idleCount, pool.waitingCount], [1, 1, 0])
  } finally {
    await pool.end()
  }
}

/** Each way to lose the answer to a COMMIT: the target, whose server does commit, and what has to be done to it. */
const LOST: Record<
  string,
  (use: (lost: StatementReceiver, act: () => Promise<void>) => Promise<void>) => Promise<void>
> = {
  'is cut off the wire': async (use) => {
    const proxy = await relay(first, cutInsteadOf('COMMIT'))
    try {
      await use(intoTable(first, 't', { connection: proxy.connection }), async () => undefined)
    } finally {
      await proxy.close()
    }
  },
  'is lost with its backend': (use) =>
    use(intoTable(first, 't', { session: { synchronous_commit: 'on' } }), () => terminateInCommit(first)),
  "is lost with its backend on a pool's client": (use) =>
    byPool(first.connection, (lost) => use(lost, () => terminateInCommit(first))),
}

for (const [how, losing] of Object.entries(LOST)) {
  for (const onFault of ['abort', 'isolate'] as const) {
    story(
      `under '${onFault}' a COMMIT whose answer ${how} counts as committed, since its server says so`,
      async () => {
        await losing(async (lost, act) => {
          await using manager = new CopyManager(fromTable(fleet.source, 't'), [lost, intoTable(second, 't')])
          const [{ warnings }] = await inTime(Promise.all([manager.run({ onFault }), act()]), 'the copy')
          assert.deepEqual(
            manager.outcomes.map(({ state, passes }) => [state, passes]),
            [
              ['committed', 1],
              ['committed', 1],
            ],
          )
          assert.deepEqual(
            warnings.map(({ receiver, phase }) => [receiver, phase]),
            [[first.name, 'commit']],
          )
          // what the warning names is what the server can be asked for
          const id = /transaction (\d+)/.exec(warnings[0]?.message as string)?.[1]
          assert.deepEqual(await first.query('SELECT pg_xact_status($1) AS said', [id]), [
            { said: 'committed' },
          ])
        })
        await assertSame(fleet.all, 't')
      },
    )
  }
}

/** The moment after COMMIT was sent to the first target, whose backend is stopped; the second may have got it as well. */
const atCommit = async (
  onFault: 'abort' | 'isolate',
  options: CopyManagerOptions,
  act: (at: { manager: CopyManager; running: Promise<unknown>; resume: () => void }) => Promise<void>,
): Promise<void> => {
  const holder = await second.client()
  let stopped = 0
  try {
    await holder.query('SELECT pg_advisory_lock(1)')
    await using manager = new CopyManager(
      fromTable(fleet.source, 't'),
      [intoTable(first, 't'), intoTable(second, 't', { after: ['SELECT pg_advisory_xact_lock(1)'] })],
      options,
    )
    const running = manager.run({ onFault }).catch((error: unknown) => error)
    const states = () => manager.stats().receivers.map(({ state }) => state)
    await until(() => states()[0] === 'completed', 'the first waits at the barrier')
    const [backend] = await first.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE ${OURS}`)
    stopped = backend?.pid as number
    process.kill(stopped, 'SIGSTOP')
    await holder.query('SELECT pg_advisory_unlock(1)')
    const reached = onFault === 'abort' ? 'committing completed' : 'committing committed'
    await until(() => states().join(' ') === reached, `the two are ${reached}`)
    await act({ manager, running, resume: () => goOn(stopped) })
  } finally {
    await holder.end()
    if (stopped !== 0) goOn(stopped)
  }
}

for (const by of ['its signal', 'close()'] as const) {
  for (const onFault of ['abort', 'isolate'] as const) {
    const listed = onFault === 'abort' ? [] : [second.name]
    const isAborted = (error: unknown) => {
      assert.ok(error instanceof CopyAborted, String(error))
      assert.deepEqual(error.committed, listed)
      return true
    }
    const rest = onFault === 'abort' ? 'rolled-back' : 'committed'

    story(
      `a backend that never answers COMMIT is in doubt when a copy that runs under '${onFault}' is ended by ${by}`,
      async () => {
        const controller = new AbortController()
        const options = { signal: controller.signal, deadlines: { abort: 300 } }
        await atCommit(onFault, options, async ({ manager, running }) => {
          if (by === 'close()') await inTime(assert.rejects(manager.close(), isAborted), by)
          else controller.abort()
          isAborted(await inTime(running, 'the end of the copy'))
          assertStates(manager, 'in-doubt', rest)
        })
        const { rows } = await digestOf(first, 't')
        assert.ok(['0', String(ROWS)].includes(rows), `${rows} rows`)
        await assertRows([second], 't', onFault === 'abort' ? 0 : ROWS)
      },
    )
  }

  story(
    `a COMMIT that is answered within the deadline is in the list when a copy is ended by ${by}`,
    async () => {
      const controller = new AbortController()
      await atCommit('isolate', { signal: controller.signal }, async ({ manager, running, resume }) => {
        const closing = by === 'close()' ? manager.close() : running
        const ended = closing.catch((error: unknown) => error)
        controller.abort()
        resume()
        const error = await inTime(ended, 'the end of the copy')
        assert.ok(error instanceof CopyAborted, String(error))
        assert.deepEqual(error.committed, [first.name, second.name])
      })
      await assertSame(fleet.all, 't')
    },
  )
}
