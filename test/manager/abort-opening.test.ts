import assert from 'node:assert/strict'
import { after, beforeEach } from 'node:test'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyAborted, CopyManager, NullReceiver, StatementProducer, WorkerPool } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { silentServer } from '../support/listener.js'
import { relay } from '../support/relay.js'
import { allowThreads } from '../support/remains.js'
import {
  assertSame,
  assertStates,
  fromTable,
  inTime,
  intoTable,
  iterate,
  logFromNow,
  story,
  until,
} from '../support/story.js'
import { keepBackFrom } from '../support/treatments.js'

const fleet = await startFleet(1)
const [target] = fleet.targets as [Server]
const pool = new WorkerPool({ threads: 2 })
allowThreads(2)
after(() => pool.close())

await fleet.everywhere('CREATE TABLE t (i int); CREATE TABLE done (i int)')
await fleet.source.query('INSERT INTO t SELECT generate_series(1, 1000)')
beforeEach(() => target.query('TRUNCATE t, done'))

const from = () => fromTable(fleet.source, 't')
const into = (more = {}) => intoTable(target, 't', more)

/** An obstacle to a copy that opens, until it is removed. */
interface Obstacle {
  readonly producer?: ReturnType<typeof from>
  readonly receiver?: ReturnType<typeof into>
  /** Whether the copy has come to it. */
  isReached(): boolean | Promise<boolean>
  /** Whether nothing of the copy is left at it, besides what all tests look for. */
  isLeft?(): boolean
  remove(): Promise<void>
}

/** A server that takes connections and never says a word. */
const silence = async (make: (connection: Server['connection']) => Partial<Obstacle>): Promise<Obstacle> => {
  let said = 0
  const server = await silentServer((client) =>
    client.on('data', (bytes) => {
      said += bytes.length
    }),
  )
  return {
    ...make({ ...target.connection, host: '127.0.0.1', port: server.port }),
    isReached: () => said > 0,
    isLeft: () => server.open === 0,
    remove: () => server.close(),
  }
}

const OURS = `FROM pg_stat_activity WHERE application_name = 'copyman'`

/** Another session holds the table. */
const lockOn = async (server: Server): Promise<Obstacle> => {
  const holder = await server.client()
  await holder.query('BEGIN; LOCK TABLE t')
  return {
    isReached: async () => (await server.query(`SELECT 1 ${OURS} AND wait_event_type = 'Lock'`)).length === 1,
    remove: () => holder.end(),
  }
}

const sleeping = async (...before: string[]): Promise<Obstacle> => ({
  receiver: into({ before }),
  isReached: async () => (await target.query(`SELECT 1 ${OURS} AND wait_event = 'PgSleep'`)).length === 1,
  remove: async () => undefined,
})

/** Under way until it is cancelled, and succeeds all the same. */
const UNTIL_CANCELLED = 'DO $$ BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END $$'

/** A password function that is asked and never answers. */
const neverGiven = async (
  make: (password: () => Promise<string>) => Partial<Obstacle>,
): Promise<Obstacle> => {
  let isAsked = false
  const password = () => {
    isAsked = true
    return new Promise<string>(() => undefined)
  }
  return { ...make(password), isReached: () => isAsked, remove: async () => undefined }
}

const OBSTACLES: Record<string, () => Promise<Obstacle>> = {
  'its source takes the connection and says nothing': () =>
    silence((connection) => ({ producer: fromTable({ connection } as Server, 't') })),
  'a target takes the connection and says nothing': () =>
    silence((connection) => ({ receiver: into({ connection }) })),
  'the password of its source is never given': () =>
    neverGiven((password) => ({
      producer: new StatementProducer({
        connection: { ...fleet.source.connection, password },
        statement: 'COPY t TO STDOUT',
      }),
    })),
  'the password of a target is never given': () =>
    neverGiven((password) => ({ receiver: into({ connection: { ...target.connection, password } }) })),
  'its source waits for a lock': () => lockOn(fleet.source),
  'a target waits for a lock': () => lockOn(target),
  'a statement before the COPY runs': () => sleeping('SELECT pg_sleep(60)'),
  'a statement before the COPY runs that others follow': () =>
    // outside a transaction, what is run once too often stays
    sleeping('COMMIT', UNTIL_CANCELLED, 'INSERT INTO done VALUES (1)'),
}

for (const [what, raise] of Object.entries(OBSTACLES)) {
  for (const by of ['its signal', 'close()'] as const) {
    story(`a copy that opens is ended by ${by} while ${what}`, async () => {
      const controller = new AbortController()
      const obstacle = await raise()
      try {
        await using manager = new CopyManager(
          obstacle.producer ?? from(),
          [obstacle.receiver ?? into(), into({ statement: 'COPY done FROM STDIN', name: 'other' })],
          // longer than this test waits: only the end of the copy ends a connect
          { signal: controller.signal, pool, deadlines: { connect: 15_000 } },
        )
        const opening = assert.rejects(manager.open(), CopyAborted)
        await until(() => obstacle.isReached(), what)
        if (by === 'close()') await inTime(assert.rejects(manager.close(), CopyAborted), by)
        else controller.abort()
        await inTime(opening, 'open()')
        // what stood in the way still does: nothing of the copy may stand before it
        await fleet.assertNoConnections()
        if (obstacle.isLeft !== undefined) await until(obstacle.isLeft, 'the silent connection is closed')
        assert.equal(manager.outcomes[0]?.state, 'aborted')
      } finally {
        await obstacle.remove()
      }
      await fleet.assertEmpty('t')
      await fleet.assertEmpty('done')
      // both threads were given back
      await using next = new CopyManager(from(), [into(), into({ statement: 'COPY done FROM STDIN' })], {
        pool,
      })
      await inTime(next.run(), 'the next copy on the pool')
      await assertSame(fleet.all, 't')
      assert.equal((await digestOf(target, 'done')).rows, '1000')
    })
  }
}

story('a late joiner whose password comes when the copy was closed does not begin', async () => {
  let give: ((password: string) => void) | undefined
  const password = () =>
    new Promise<string>((resolve) => {
      give = resolve
    })
  await using manager = new CopyManager(from(), [new NullReceiver()], { pool })
  await manager.open()
  manager.attach(into({ connection: { ...target.connection, password } }))
  const iterating = assert.rejects(iterate(manager), CopyAborted)
  await until(() => give !== undefined, 'the password is asked for')
  await inTime(assert.rejects(manager.close(), CopyAborted), 'close()')
  await inTime(iterating, 'the end of the iteration')
  give?.(target.connection.password as string)
  await using next = new CopyManager(from(), [into(), new NullReceiver()], { pool })
  await inTime(next.run(), 'the next copy on the pool')
  assertStates(manager, 'completed', 'aborted')
  await assertSame(fleet.all, 't')
})

story('a target whose COPY begins while it is being aborted comes back to a message boundary', async () => {
  const log = await logFromNow(target)
  const { treat, keeps, release } = keepBackFrom(({ type }) => type === 'G')
  const proxy = await relay(target, treat)
  try {
    await using manager = new CopyManager(from(), [into({ connection: proxy.connection })])
    const opening = assert.rejects(manager.open(), CopyAborted)
    await until(keeps, 'the server says that the COPY has begun')
    const closing = assert.rejects(manager.close(), CopyAborted)
    await until(() => proxy.made === 2, 'a cancel request is sent')
    release()
    await inTime(Promise.all([closing, opening]), 'close()')
  } finally {
    await proxy.close()
  }
  await fleet.assertNoConnections()
  assert.doesNotMatch(await log(), /unexpected EOF|connection to client lost|could not receive/)
  assert.match(await log(), /COPY from stdin failed|canceling statement/)
  await fleet.assertEmpty('t')
})
