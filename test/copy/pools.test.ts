import assert from 'node:assert/strict'
import pg from 'pg'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CopyFailed,
  CopyManager,
  copy,
  type Receiver,
  StatementProducer,
  StatementReceiver,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import { soon } from '../support/soon.js'
import { atStoryEnd, faultOf, iterate, once, story, terminateCopy, until } from '../support/story.js'
import { cutInsteadOf } from '../support/treatments.js'

const fleet = await startFleet(2, {
  rows: 20_000,
  columns: 'i int PRIMARY KEY, s text',
  row: "i, repeat('x', 100)",
})
const { source } = fleet
const [target, other] = fleet.targets as [Server, Server]
const OUT = 'COPY t TO STDOUT'
const IN = 'COPY t FROM STDIN'
const SMALL = { slots: 2, slotBytes: 4096 }

const pools: pg.Pool[] = []
const lost: Error[] = []
atStoryEnd(async () => {
  // resolves only when every client was released
  await soon(Promise.all(pools.splice(0).map((pool) => pool.end())), 'the pools end')
  assert.deepEqual(lost.splice(0), [], 'an idle client of a pool failed')
})

const poolOf = (server: Server, options: pg.PoolConfig = {}): pg.Pool => {
  const pool = new pg.Pool({ ...server.connection, application_name: 'the user', max: 2, ...options })
  pool.on('error', (error) => lost.push(error))
  pools.push(pool)
  return pool
}

/** All of its clients are back, idle, in no transaction, answering, with no listener and no setting of ours. */
const assertUntouched = async (pool: pg.Pool): Promise<void> => {
  assert.deepEqual([pool.idleCount, pool.waitingCount], [pool.totalCount, 0])
  const client = (await pool.connect()) as pg.PoolClient & pg.Client
  try {
    const { rows } = await client.query(
      `SELECT current_setting('extra_float_digits') AS digits, current_setting('IntervalStyle') AS style,
        now() = statement_timestamp() AS alone`,
    )
    assert.deepEqual(rows, [{ digits: '1', style: 'iso_8601', alone: true }])
    assert.equal(client.listenerCount('notice') + client.listenerCount('notification'), 0)
  } finally {
    client.release()
  }
}

const STYLE = { options: '-c IntervalStyle=iso_8601' }

story(
  'a pool at each end: a client is borrowed, its transaction is ours, and it comes back as it was',
  async () => {
    const [from, to] = [poolOf(source, STYLE), poolOf(target, STYLE)]
    const before = await to.query('SELECT pg_backend_pid() AS pid')
    const { rows, receivers } = await copy({
      from: { client: from, statement: OUT },
      to: [
        { client: to, statement: IN, before: ['TRUNCATE t'] },
        { connection: other.connection, statement: IN },
      ],
    })
    assert.equal(rows, 20_000)
    assert.deepEqual(
      receivers.map(({ state }) => state),
      ['committed', 'committed'],
    )
    await fleet.assertEqual('t')
    await assertUntouched(from)
    await assertUntouched(to)
    const after = await to.query('SELECT pg_backend_pid() AS pid')
    assert.deepEqual(after.rows, before.rows)
    assert.deepEqual([from.totalCount, to.totalCount], [1, 1])
    await Promise.all(pools.splice(0).map((pool) => pool.end()))
  },
)

story('session settings reach the transaction on a client of the pool', async () => {
  const said: string[] = []
  const show = "DO $$ BEGIN RAISE NOTICE '%', current_setting('work_mem'); END $$"
  const receiver = { client: poolOf(target), statement: IN, before: [show] }
  for (const session of [{ work_mem: '7MB' }, undefined]) {
    const receivers = [new StatementReceiver({ ...receiver, ...(session && { session }) })]
    const producer = new StatementProducer({
      client: poolOf(source),
      statement: 'COPY (SELECT 1, NULL WHERE false) TO STDOUT',
    })
    const manager = new CopyManager(producer, receivers, { session: { work_mem: '9MB' } })
    manager.on('notice', ({ message }) => said.push(message))
    await manager.run()
  }
  assert.deepEqual(said, ['7MB', '9MB'])
})

story(
  'when another target fails, nothing is loaded by a pool, and its client can be used again',
  async () => {
    const pool = poolOf(target, STYLE)
    await assert.rejects(
      copy({
        from: { connection: source.connection, statement: OUT },
        to: [
          { client: pool, statement: IN },
          { connection: other.connection, statement: IN, after: ['SELECT 1/0'] },
        ],
      }),
      CopyFailed,
    )
    await fleet.assertEmpty('t')
    await assertUntouched(pool)
    assert.equal(pool.totalCount, 1)
  },
)

story('a client that fails is dropped, or reconciled from the start with another of the pool', async () => {
  for (const isReconciled of [false, true]) {
    const pool = poolOf(target, STYLE)
    const receivers: Receiver[] = [
      new StatementReceiver({ client: pool, statement: IN, name: 'pooled' }),
      new StatementReceiver({ connection: other.connection, statement: IN, before: ['TRUNCATE t'] }),
    ]
    const manager = new CopyManager(
      new StatementProducer({ client: poolOf(source), statement: OUT }),
      receivers,
      { ring: SMALL },
    )
    await manager.open()
    const { faults } = await iterate(manager, {
      cycle: once(() => terminateCopy(target, 't')),
      fault: () =>
        isReconciled ? manager.reconcile(receivers[0] as Receiver, { from: 'start' }) : undefined,
    })
    // the network decides whether a write fails or the server's error arrives first
    const { code, sqlState } = faultOf(faults[0], 'pooled')
    assert.ok(code === 'COPY_CONNECTION_LOST' || sqlState === '57P01', `${code} ${sqlState}`)
    assert.deepEqual(
      manager.outcomes.map(({ state, passes }) => [state, passes]),
      isReconciled
        ? [
            ['committed', 2],
            ['committed', 1],
          ]
        : [
            ['dropped', 1],
            ['committed', 1],
          ],
    )
    await assertUntouched(pool)
    if (isReconciled) await fleet.assertEqual('t')
  }
})

story(
  'a pool without a free client is a fault after deadlines.connect, and no request for a client remains',
  async () => {
    const pool = poolOf(target, { max: 1 })
    const held = await pool.connect()
    const { receivers } = await copy({
      from: { connection: source.connection, statement: OUT },
      to: [
        { client: pool, statement: IN },
        { connection: other.connection, statement: IN },
      ],
      deadlines: { connect: 1000 },
      onFault: 'isolate',
    })
    const fault = receivers[0]?.fault
    assert.deepEqual([fault?.code, fault?.phase], ['COPY_CONNECT', 'connect'])
    assert.equal(fault?.message, 'the pg.Pool had no client free within 1000 ms (deadlines.connect)')
    assert.equal(receivers[1]?.state, 'committed')
    held.release()
    // the one it had asked for has come back
    await until(() => pool.idleCount === 1 && pool.waitingCount === 0, 'the client is free')
    const down = new pg.Pool({ host: '127.0.0.1', port: 1 })
    await assert.rejects(copy({ from: { client: down, statement: OUT }, to: [() => undefined] }), {
      code: 'COPY_FAILED',
      message: /the pg.Pool could not connect a client: connect ECONNREFUSED/,
    })
  },
)

for (const [which, before] of [
  ['', undefined],
  [', also where its server sends no warning', 'SET client_min_messages = error'],
] as const)
  story(
    `a client that somebody released in a transaction is refused, and clean afterwards${which}`,
    async () => {
      const pool = poolOf(target, { ...STYLE, max: 1 })
      const client = await pool.connect()
      if (before !== undefined) await client.query(before)
      await client.query('BEGIN; INSERT INTO t VALUES (0)')
      client.release()
      const copying = copy({
        from: { connection: source.connection, statement: OUT },
        to: [{ client: pool, statement: IN }],
      })
      await assert.rejects(copying, /in a transaction already: somebody released it/)
      await fleet.assertEmpty('t')
      await assertUntouched(pool)
    },
  )

story('an abort ends the wait for a lock, and for a client, and gives the client back', async () => {
  const pool = poolOf(target, { ...STYLE, max: 1 })
  const locker = await target.client()
  try {
    await locker.query('BEGIN; LOCK TABLE t')
    const controller = new AbortController()
    const to = { client: pool, statement: IN, before: ['TRUNCATE t'] }
    const from = { connection: source.connection, statement: OUT }
    const waiting = copy({ from, to: [to], signal: controller.signal })
    await until(async () => {
      const [row] = await target.query<{ n: string }>('SELECT count(*) AS n FROM pg_locks WHERE NOT granted')
      return row?.n === '1'
    }, 'it waits for the lock')
    const behind = copy({ from, to: [to], signal: controller.signal })
    await until(() => pool.waitingCount === 1, 'the other waits for a client')
    const ends = [
      assert.rejects(soon(waiting, 'the wait for the lock ends'), { code: 'COPY_ABORTED' }),
      assert.rejects(soon(behind, 'the wait for a client ends'), { code: 'COPY_ABORTED' }),
    ]
    controller.abort()
    await Promise.all(ends)
  } finally {
    await locker.end()
  }
  await until(() => pool.idleCount === pool.totalCount, 'all are free')
  await assertUntouched(pool)
})

story(
  'a COMMIT whose answer is lost is looked up by another client of the pool, and its own client is removed from the pool',
  async () => {
    const proxy = await relay(target, cutInsteadOf('COMMIT'))
    const pool = poolOf(target, { ...proxy.connection, max: 1 })
    try {
      const { receivers, warnings } = await copy({
        from: { connection: source.connection, statement: OUT },
        to: [
          { client: pool, statement: IN },
          { connection: other.connection, statement: IN },
        ],
        onFault: 'isolate',
      })
      assert.deepEqual(
        receivers.map(({ state }) => state),
        ['committed', 'committed'],
      )
      assert.deepEqual(
        warnings.map(({ phase, receiver }) => [phase, receiver]),
        [['commit', receivers[0]?.name]],
      )
      assert.match(warnings[0]?.message ?? '', /server says that transaction \d+ was committed/)
      await fleet.assertEqual('t')
      // the client of the copy was removed from the pool; the one that asked is of use
      assert.deepEqual([pool.totalCount, pool.idleCount], [1, 1])
      const client = await pool.connect()
      // closed before the proxy, which it goes by
      client.release(true)
    } finally {
      await proxy.close()
    }
  },
)
