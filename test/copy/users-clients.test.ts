import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyAborted,
  CopyError,
  CopyFailed,
  CopyManager,
  copy,
  IteratorProducer,
  ReceiverFault,
  StatementProducer,
  StatementReceiver,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import {
  assertStates,
  atStoryEnd,
  failsWith,
  failureOf,
  iterate,
  once,
  story,
  until,
} from '../support/story.js'
import { keepBackFrom } from '../support/treatments.js'

const ROWS = 40_000
const fleet = await startFleet(2, {
  rows: ROWS,
  columns: 'i int PRIMARY KEY, s text',
  row: "i, repeat('x', 100)",
})
const { source } = fleet
const [target, other] = fleet.targets as [Server, Server]
const OUT = 'COPY (SELECT i, s FROM t ORDER BY i) TO STDOUT'
const IN = 'COPY t FROM STDIN'
const SMALL = { slots: 2, slotBytes: 4096 }

const opened: pg.Client[] = []
atStoryEnd(() => Promise.all(opened.splice(0).map((client) => client.end())))

/** A user's client, in a transaction that was begun as `begin` says. */
const clientOf = async (
  server: Server,
  begin?: string,
  options: pg.ClientConfig = {},
): Promise<pg.Client> => {
  const client = await server.client({ ...options, application_name: 'the user' })
  opened.push(client)
  if (begin !== undefined) await client.query(begin)
  return client
}

const rowsIn = async (server: Server): Promise<number> =>
  Number((await server.query<{ n: string }>('SELECT count(*) AS n FROM t'))[0]?.n)

const assertAnswers = async (...clients: pg.Client[]): Promise<void> => {
  for (const client of clients) assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
}

/** How many listen for what, on a client and below it. */
const listenersOf = (client: pg.Client): Record<string, number> =>
  Object.fromEntries(
    [client, client.connection, client.connection.stream].flatMap((emitter, i) =>
      emitter.eventNames().map((name) => [`${i} ${String(name)}`, emitter.listenerCount(name)]),
    ),
  )

/** The error of the only receiver that faulted. */
const faultOf = async (copying: Promise<unknown>): Promise<CopyError> => {
  const error = await failsWith(copying, { cause: ReceiverFault })
  const [fault] = error.cause.faults.values()
  return fault as CopyError
}

const isOptionError =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof CopyError && error.code === 'COPY_OPTION' && pattern.test(error.message)

const fromTable = { connection: source.connection, statement: OUT }
const oneRow = () => new IteratorProducer([['1\tone\n']])

for (const end of ['ROLLBACK', 'COMMIT']) {
  story(`a copy into a user's transaction is there or not as the user's ${end} says`, async () => {
    const client = await clientOf(target, 'BEGIN')
    const before = listenersOf(client)
    const receiver = new StatementReceiver({
      client,
      statement: IN,
      before: ['CREATE TEMP TABLE log (n int) ON COMMIT DROP'],
      after: ['INSERT INTO log SELECT count(*) FROM t'],
    })
    const { receivers } = await copy({ from: fromTable, to: [receiver], ring: SMALL })
    assert.deepEqual(
      receivers.map(({ state, rows }) => ({ state, rows })),
      [{ state: 'completed', rows: ROWS }],
    )
    assert.deepEqual([receiver.count, receiver.command], [ROWS, `COPY ${ROWS}`])
    assert.equal(await rowsIn(target), 0)
    assert.deepEqual((await client.query('SELECT n FROM log')).rows, [{ n: ROWS }])
    assert.deepEqual(listenersOf(client), before)
    await client.query(end)
    if (end === 'COMMIT') {
      await target.query('ANALYZE t')
      assert.equal(await rowsIn(target), ROWS)
      await other.query(`INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, ${ROWS}) AS i`)
      await fleet.assertEqual('t')
    } else await fleet.assertEmpty('t')
    await client.end()
    opened.splice(opened.indexOf(client), 1)
  })
}

story("both ends may be users' clients, and every byte is the server's own", async () => {
  const from = await clientOf(source, 'BEGIN ISOLATION LEVEL REPEATABLE READ')
  const to = await clientOf(target, 'BEGIN')
  const listeners = [from, to].map(listenersOf)
  const chunks: Uint8Array[] = []
  const result = await copy({
    from: { client: from, statement: OUT },
    to: [{ client: to, statement: IN }, (slice) => chunks.push(slice.bytes)],
    ring: SMALL,
  })
  assert.equal(result.rows, ROWS)
  const expected = Array.from({ length: ROWS }, (_, i) => `${i + 1}\t${'x'.repeat(100)}\n`).join('')
  assert.ok(Buffer.concat(chunks).equals(Buffer.from(expected)), 'bytes differ')
  assert.deepEqual([from, to].map(listenersOf), listeners)
  await assertAnswers(from, to)
  const sum = 'SELECT count(*) AS n, sum(hashtext(i || s)) AS h FROM t'
  assert.deepEqual((await to.query(sum)).rows, (await from.query(sum)).rows)
  await Promise.all([from.query('COMMIT'), to.query('ROLLBACK')])
})

story(
  "a user's client that once had other listeners on its socket gets each of them back as it was",
  async () => {
    const client = await clientOf(source)
    const { stream } = client.connection
    const calls: string[] = []
    stream.on('data', () => calls.push('always'))
    stream.once('data', () => calls.push('once'))
    const raw = stream.rawListeners('data')
    await copy({ from: { client, statement: 'COPY (SELECT 1 WHERE false) TO STDOUT' }, to: [() => {}] })
    assert.deepEqual(
      stream.rawListeners('data'),
      raw.filter((listener) => !('listener' in listener)),
    )
    assert.equal(calls.filter((call) => call === 'once').length, 1)
  },
)

story("leaving the loop aborts, and both users' clients answer after their ROLLBACK", async () => {
  const from = await clientOf(source, 'BEGIN')
  const to = await clientOf(target, 'BEGIN')
  const listeners = [from, to].map(listenersOf)
  const manager = new CopyManager(
    new StatementProducer({
      client: from,
      statement: 'COPY (SELECT row_number() OVER () FROM t a, t b) TO STDOUT',
    }),
    [new StatementReceiver({ client: to, statement: 'COPY t (i) FROM STDIN' })],
    { ring: SMALL },
  )
  await manager.open()
  await assert.rejects(async () => {
    for await (const _ of manager) break
  }, CopyAborted)
  assert.deepEqual([from, to].map(listenersOf), listeners)
  for (const client of [from, to]) {
    await assert.rejects(client.query('SELECT 1'), { code: '25P02' })
    await client.query('ROLLBACK')
  }
  await assertAnswers(from, to)
  await fleet.assertEmpty('t')
})

story("a producer's client outside a transaction answers at once after an abort", async () => {
  const client = await clientOf(source)
  const endless = 'COPY (SELECT row_number() OVER () FROM t a, t b) TO STDOUT'
  const boom = () => {
    throw new Error('boom')
  }
  await assert.rejects(copy({ from: { client, statement: endless }, to: [boom], ring: SMALL }), CopyFailed)
  await assertAnswers(client)
})

story("what a target refuses keeps its SQLSTATE, and the user's client works after ROLLBACK", async () => {
  const client = await clientOf(target, 'BEGIN')
  const fault = await faultOf(
    copy({
      from: fromTable,
      to: [{ client, statement: IN, before: [`INSERT INTO t VALUES (${ROWS / 2}, 'in the way')`] }],
    }),
  )
  assert.equal(fault.sqlState, '23505')
  // the server may answer while rows are still sent, or only when all were
  assert.match(fault.phase ?? '', /^(copy|complete)$/)
  assert.equal(fault.server?.constraint, 't_pkey')
  await client.query('ROLLBACK')
  await assertAnswers(client)
  await copy({ from: oneRow(), to: [{ client: await begun(client), statement: IN }] })
  await client.query('COMMIT')
  assert.equal(await rowsIn(target), 1)
})

const begun = async (client: pg.Client): Promise<pg.Client> => {
  await client.query('BEGIN')
  return client
}

story(
  'a statement that is no COPY of the right direction is refused, and the client stays in step',
  async () => {
    const client = await clientOf(target)
    for (const statement of [
      'COPY (SELECT generate_series(1, 50000000)) TO STDOUT',
      'SELECT 1',
      'COPY missing FROM STDIN',
    ]) {
      await client.query('BEGIN')
      const fault = await faultOf(copy({ from: fromTable, to: [{ client, statement }] }))
      assert.equal(fault.phase, 'start', fault.message)
      await client.query('ROLLBACK')
      await assertAnswers(client)
    }
    for (const statement of [IN, 'SELECT 1', 'COPY missing TO STDOUT']) {
      await assert.rejects(copy({ from: { client, statement }, to: [() => {}] }), CopyFailed)
      await assertAnswers(client)
    }
  },
)

story("statements before the COPY are refused, and the user's client works after ROLLBACK", async () => {
  const client = await clientOf(target, 'BEGIN')
  const statement = `SET LOCAL work_mem = '1MB'; SET LOCAL work_mem = '2MB'; ${IN}`
  const copying = copy({ from: ['1\tx\n'], to: [{ client, statement }] })
  await assert.rejects(copying, /more than one statement was given; one COPY is expected/)
  await client.query('ROLLBACK')
  await assertAnswers(client)
})

story('a copy that is aborted while a client waits for a lock releases the client', async () => {
  const locker = await clientOf(target, 'BEGIN')
  await locker.query('LOCK TABLE t')
  for (const before of [[], ['INSERT INTO t VALUES (1)']]) {
    const client = await clientOf(target, 'BEGIN')
    const abort = new AbortController()
    const copying = copy({ from: oneRow(), to: [{ client, statement: IN, before }], signal: abort.signal })
    const waits = `SELECT 1 FROM pg_stat_activity WHERE application_name = 'the user' AND wait_event_type = 'Lock'`
    while ((await target.query(waits)).length === 0);
    abort.abort()
    await assert.rejects(copying, CopyAborted)
    await client.query('ROLLBACK')
    await assertAnswers(client)
  }
  await locker.query('ROLLBACK')
})

story(
  'a client that cannot come back to a message boundary in time is closed, and its user hears it',
  async () => {
    const client = await clientOf(target, 'BEGIN')
    const { processID } = client as unknown as { processID: number }
    const receiver = new StatementReceiver({ client, statement: IN })
    const manager = new CopyManager(new StatementProducer(fromTable), [receiver], {
      ring: SMALL,
      deadlines: { abort: 200 },
    })
    await manager.open()
    await manager.next()
    process.kill(processID, 'SIGSTOP')
    try {
      await assert.rejects(manager.close(), CopyAborted)
      assert.ok(client.connection.stream.destroyed)
    } finally {
      process.kill(processID, 'SIGCONT')
    }
    await assert.rejects(client.query('SELECT 1'), /not queryable|closed|terminated/)
  },
)

story("notices in mid-copy reach the user's own listeners and the manager's", async () => {
  const from = await clientOf(source)
  const to = await clientOf(target, 'BEGIN')
  const mine: string[] = []
  const managers: string[] = []
  for (const client of [from, to]) {
    client.on('notice', ({ message }) => mine.push(message as string))
    await client.query(`CREATE FUNCTION pg_temp.say(i int) RETURNS int LANGUAGE plpgsql AS
      $$BEGIN RAISE NOTICE 'row %', i; RETURN i; END$$`)
  }
  await to.query('CREATE TEMP TABLE said (i int CHECK (pg_temp.say(i + 10) > 0))')
  const manager = new CopyManager(
    new StatementProducer({
      client: from,
      statement: 'COPY (SELECT pg_temp.say(i) FROM generate_series(1, 3) i) TO STDOUT',
    }),
    [new StatementReceiver({ client: to, statement: 'COPY said FROM STDIN', name: 'mine' })],
  )
  manager.on('notice', ({ message }, receiver) => managers.push(`${receiver ?? 'source'}: ${message}`))
  await manager.run()
  const at = (row: number, who: string) => `${who}row ${row}`
  assert.deepEqual(
    mine.toSorted(),
    [1, 11, 12, 13, 2, 3].map((row) => at(row, '')),
  )
  assert.deepEqual(managers.toSorted(), [
    ...[11, 12, 13].map((row) => at(row, 'mine: ')),
    ...[1, 2, 3].map((row) => at(row, 'source: ')),
  ])
})

// outside a transaction: within one, PostgreSQL keeps notifications back until it ends
story(
  "NOTIFY in mid-copy reaches a producer's client that listens, and the manager, before the end",
  async () => {
    const client = await clientOf(source)
    await client.query('LISTEN ch')
    const users: unknown[] = []
    client.on('notification', ({ channel, payload }) => users.push({ channel, payload }))
    const manager = new CopyManager(
      new StatementProducer({
        client,
        statement: 'COPY (SELECT t.* FROM t, generate_series(1, 3)) TO STDOUT',
      }),
      [new CallReceiver(() => {})],
      { ring: SMALL },
    )
    const told: unknown[] = []
    manager.on('notification', ({ channel, payload }, receiver) => {
      told.push({ channel, payload, receiver, state: manager.outcomes[0]?.state })
    })
    await iterate(manager, { cycle: once(() => source.query(`NOTIFY ch, 'in mid-copy'`)) })
    const expected = { channel: 'ch', payload: 'in mid-copy' }
    assert.deepEqual(users, [expected])
    assert.deepEqual(told, [{ ...expected, receiver: undefined, state: 'receiving' }])
    await client.query('UNLISTEN *')
  },
)

/** One pass, then a receiver that is attached: what it got, or why it cannot. */
const attachLate = async (client: pg.Client): Promise<Buffer> => {
  const late: Uint8Array[] = []
  const manager = new CopyManager(
    new StatementProducer({ client, statement: OUT }),
    [new CallReceiver(() => {})],
    { ring: SMALL },
  )
  try {
    await manager.open()
    await manager.next()
    manager.attach(new CallReceiver((slice) => late.push(slice.bytes)))
    await source.query('INSERT INTO t VALUES (0)')
    for await (const _ of manager);
  } finally {
    await manager[Symbol.asyncDispose]()
    await source.query('DELETE FROM t WHERE i = 0')
  }
  return Buffer.concat(late)
}

story(
  'a client in REPEATABLE READ gives a further pass over its snapshot, others give one only',
  async () => {
    for (const level of ['REPEATABLE READ', 'SERIALIZABLE']) {
      const client = await clientOf(source, `BEGIN ISOLATION LEVEL ${level}`)
      const listeners = listenersOf(client)
      const bytes = await attachLate(client)
      assert.equal(bytes.toString().split('\n').length - 1, ROWS)
      assert.ok(bytes.subarray(0, 2).equals(Buffer.from('1\t')))
      assert.deepEqual(listenersOf(client), listeners)
      await client.query('COMMIT')
    }
    const below = await clientOf(source, 'BEGIN')
    await assert.rejects(attachLate(below), { code: 'COPY_STATE' })
    await below.query('ROLLBACK')
    await below.query('SET default_transaction_isolation = serializable')
    await assert.rejects(attachLate(below), { code: 'COPY_STATE' })
    await assertAnswers(below)
  },
)

story(
  "a receiver with a client cannot be reconciled from the start, and the client is still its user's",
  async () => {
    const client = await clientOf(target, 'BEGIN')
    const receiver = new StatementReceiver({ client, statement: 'COPY missing FROM STDIN' })
    const manager = new CopyManager(new StatementProducer(fromTable), [receiver, new CallReceiver(() => {})])
    try {
      await assert.rejects(manager.next(), ReceiverFault)
      await assert.rejects(manager.reconcile(receiver, { from: 'start' }), { code: 'COPY_STATE' })
      for await (const _ of manager);
    } finally {
      await manager[Symbol.asyncDispose]()
    }
    assertStates(manager, 'dropped', 'completed')
    await client.query('ROLLBACK')
    await assertAnswers(client)
  },
)

story("rows that a user's client swallows are a fault before the user commits", async () => {
  const client = await clientOf(target, 'BEGIN')
  await client.query(
    `CREATE FUNCTION pg_temp.none() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
  )
  await client.query('CREATE TRIGGER none BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.none()')
  const fault = await faultOf(
    copy({ from: oneRow(), to: [{ client, statement: IN }, () => {}], onFault: 'abort' }).then((result) =>
      assert.equal(result.receivers[0]?.rows, 0),
    ),
  )
  assert.equal(fault.code, 'COPY_COUNT_MISMATCH')
  await client.query('ROLLBACK')
})

story("a user's client that stops reading for a while gets every byte as it was", async () => {
  const client = await clientOf(target, 'BEGIN')
  await client.query('CREATE TEMP TABLE much (i int, s text)')
  const { processID } = client as unknown as { processID: number }
  const manager = new CopyManager(
    new StatementProducer({
      connection: source.connection,
      statement: 'COPY (SELECT i, s FROM t, generate_series(1, 4)) TO STDOUT',
    }),
    [new StatementReceiver({ client, statement: 'COPY much FROM STDIN' })],
    { ring: SMALL },
  )
  await manager.open()
  await manager.next()
  process.kill(processID, 'SIGSTOP')
  const rest = (async () => {
    for await (const _ of manager);
  })()
  // until kernel, socket and ring are full: then what was released too early is overwritten
  for (let still = 0, last = -1; still < 10; still += 1) {
    const { bytes } = manager.stats()
    if (bytes !== last) still = 0
    last = bytes
    await sleep(20)
  }
  process.kill(processID, 'SIGCONT')
  await rest
  const [sum] = await source.query('SELECT 4 * count(*) AS n, 4 * sum(hashtext(i || s)) AS h FROM t')
  assert.deepEqual((await client.query('SELECT count(*) AS n, sum(hashtext(i || s)) AS h FROM much')).rows, [
    sum,
  ])
  await client.query('ROLLBACK')
})

story(
  "a user's client that loses its connection is a fault, also when its user listens for no error",
  async () => {
    for (const end of ['producer', 'receiver']) {
      const from = await clientOf(source)
      const to = await clientOf(target, 'BEGIN')
      const [client, server] = end === 'producer' ? [from, source] : [to, target]
      client.removeAllListeners('error')
      opened.splice(opened.indexOf(client), 1)
      const { processID } = client as unknown as { processID: number }
      const manager = new CopyManager(
        new StatementProducer({
          client: from,
          statement: 'COPY (SELECT row_number() OVER () FROM t a, t b) TO STDOUT',
        }),
        [new StatementReceiver({ client: to, statement: 'COPY t (i) FROM STDIN' })],
        { ring: SMALL },
      )
      const copying = async (): Promise<void> => {
        await manager.open()
        await server.query(`SELECT pg_terminate_backend(${processID})`)
        for await (const _ of manager);
      }
      const error: unknown = await copying().catch((error) => error)
      await manager[Symbol.asyncDispose]()
      assert.ok(error instanceof (end === 'producer' ? CopyFailed : ReceiverFault), String(error))
      assert.ok(
        error.sqlState === '57P01' || /lost the connection of the pg.Client/.test(error.message),
        error.message,
      )
      const rest = end === 'producer' ? to : from
      if (end === 'producer') await rest.query('ROLLBACK')
      await assertAnswers(rest)
    }
  },
)

story('a deferred constraint fails before the copy is complete', async () => {
  const client = await clientOf(target, 'BEGIN')
  await client.query('CREATE TEMP TABLE once (i int UNIQUE DEFERRABLE INITIALLY DEFERRED, s text)')
  const from = new IteratorProducer([['1\tone\n', '1\tone\n']])
  const fault = await faultOf(copy({ from, to: [{ client, statement: 'COPY once FROM STDIN' }] }))
  assert.deepEqual([fault.sqlState, fault.phase], ['23505', 'complete'])
  await client.query('ROLLBACK')
})

story('a query_timeout of the user does not end a copy', async () => {
  const slow = 'COPY (SELECT i, pg_sleep(0.1) FROM generate_series(1, 5) i) TO STDOUT'
  const from = await clientOf(source, undefined, { query_timeout: 200 })
  const to = await clientOf(target, 'BEGIN', { query_timeout: 200 })
  await to.query('CREATE TEMP TABLE slow (i int, s text)')
  const result = await copy({
    from: { client: from, statement: slow },
    to: [{ client: to, statement: 'COPY slow FROM STDIN' }],
  })
  assert.equal(result.rows, 5)
  await assertAnswers(from, to)
  for (const client of [from, to]) {
    await client.end()
    opened.splice(opened.indexOf(client), 1)
  }
})

story('a client in the wrong state is refused with a reason', async () => {
  const refusal = async (client: pg.Client): Promise<string> => {
    const fault = await faultOf(copy({ from: oneRow(), to: [{ client, statement: IN }] }))
    return `${fault.code} ${fault.message}`
  }
  const client = await clientOf(target)
  assert.match(await refusal(client), /COPY_STATE .* not in a transaction: BEGIN first/)
  await client.query('BEGIN')
  await assert.rejects(client.query('SELECT 1 / 0'))
  assert.match(await refusal(client), /COPY_STATE .* transaction has failed: ROLLBACK/)
  await client.query('ROLLBACK')
  await client.query('BEGIN')
  const locker = await clientOf(target)
  await locker.query('SELECT pg_advisory_lock(1)')
  const waiting = client.query('SELECT pg_advisory_xact_lock(1)')
  assert.match(await refusal(client), /COPY_STATE .* busy/)
  await locker.query('SELECT pg_advisory_unlock(1)')
  await waiting
  await client.query("SET DateStyle = 'SQL, DMY'")
  assert.match(
    await refusal(client),
    /COPY_OPTION DateStyle is 'SQL, DMY' on the receiver's pg.Client.*SET DateStyle = 'ISO'/,
  )
  await client.query("SET DateStyle = 'ISO, DMY'; SET IntervalStyle = iso_8601")
  assert.match(await refusal(client), /COPY_OPTION IntervalStyle is 'iso_8601'/)
  await client.query("SET IntervalStyle = postgres; SET client_encoding = 'LATIN1'")
  assert.match(
    await refusal(client),
    /COPY_OPTION client_encoding is 'LATIN1' on the receiver's pg.Client.*SET client_encoding = 'UTF8'/,
  )
  await client.query("SET client_encoding = 'UTF8'; SET extra_float_digits = 0")
  await copy({ from: oneRow(), to: [{ client, statement: IN }] })
  await client.query('ROLLBACK')
  await client.query('SET extra_float_digits = 0')
  await assert.rejects(
    copy({ from: { client, statement: OUT }, to: [() => {}] }),
    (error: CopyError) =>
      error instanceof CopyFailed && /extra_float_digits is '0' on the producer's/.test(error.message),
  )
  await assertAnswers(client)
  assert.match(await refusal(new pg.Client(target.connection)), /COPY_STATE .* not connected/)
  const ended = await target.client()
  await ended.end()
  assert.match(await refusal(ended), /COPY_STATE .* ended/)
  await fleet.assertEmpty('t')
})

story(
  'a client whose last query has failed is not busy, though the server has yet to say that it is ready',
  async () => {
    let failed = false
    const { treat, keeps, release } = keepBackFrom(({ type }) => {
      failed ||= type === 'E'
      return failed && type === 'Z'
    })
    const proxy = await relay(source, treat)
    const client = new pg.Client(proxy.connection)
    try {
      await client.connect()
      await assert.rejects(client.query('SELECT 1 / 0'), { code: '22012' })
      const copying = copy({ from: { client, statement: 'COPY (SELECT 1) TO STDOUT' }, to: [() => {}] })
      copying.catch(() => undefined)
      await until(keeps, 'the server is ready')
      release()
      assert.equal((await copying).rows, 1)
    } finally {
      await client.end()
      await proxy.close()
    }
  },
)

story('what is no client, comes with a connection, or is given twice is refused at once', async () => {
  const pool = new pg.Pool(target.connection)
  const client = await pool.connect()
  const statement = IN
  const refused = (options: object, pattern: RegExp): void => {
    assert.throws(() => new StatementReceiver(options as never), isOptionError(pattern))
    assert.throws(() => new StatementProducer(options as never), isOptionError(pattern))
  }
  try {
    refused({ statement, client: {} }, /client must be a connected pg\.Client/)
    refused({ statement, client: null }, /client must be a connected pg\.Client/)
    refused({ statement, client, session: {} }, /session/)
    for (const both of [{}, { client, connection: target.url }])
      refused({ statement, ...both }, /exactly one of \w+\.connection and \w+\.client/)
    const twice = isOptionError(/same pg\.Client is given twice/)
    const to = { client, statement }
    await assert.rejects(copy({ from: oneRow(), to: [to, to] }), twice)
    await assert.rejects(copy({ from: { client, statement: OUT }, to: [to] }), twice)
    const receivers = () => [new StatementReceiver(to), new StatementReceiver(to)]
    assert.throws(() => new CopyManager(oneRow(), receivers()), twice)
    await client.query('BEGIN')
    await copy({ from: oneRow(), to: [to] })
    await client.query('COMMIT')
    assert.equal(await rowsIn(target), 1)
  } finally {
    client.release()
    await pool.end()
  }
})

story("a late cancel request of deadlines.start never hits the user's next statement", async () => {
  let arrives: () => void = () => undefined
  const arrival = new Promise<void>((resolve) => {
    arrives = resolve
  })
  // the second connection is that of the cancel request
  await using proxy = await relay(target, {
    async *toServer(incoming, line) {
      if (line.number > 0) await Promise.race([arrival, line.closed])
      yield* incoming
    },
  })
  const holder = await clientOf(target, 'BEGIN; LOCK TABLE t')
  const client = new pg.Client(proxy.connection)
  await client.connect()
  opened.push(client)
  await client.query('BEGIN')
  const [{ pid } = { pid: 0 }] = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows
  const untilState = (state: string, waitsFor: string) =>
    until(async () => {
      const rows = await target.query(
        `SELECT FROM pg_stat_activity WHERE pid = ${pid} AND state = '${state}' AND wait_event = '${waitsFor}'`,
      )
      return rows.length === 1
    }, `the client's backend is ${state} and waits for ${waitsFor}`)
  const manager = new CopyManager(
    new StatementProducer(fromTable),
    [new StatementReceiver({ client, statement: IN })],
    { deadlines: { start: 1000 } },
  )
  await assert.rejects(manager.next(), ReceiverFault)
  await until(() => proxy.made === 2, 'the cancel request is on its way')
  await holder.query('ROLLBACK')
  await untilState('active', 'ClientRead')
  const closing = failureOf(manager.close()).then(async (error) => {
    assert.ok(error instanceof CopyAborted, String(error))
    await client.query('ROLLBACK')
    await client.query('SELECT pg_sleep(1)')
  })
  await untilState('idle in transaction (aborted)', 'ClientRead')
  // a copy that did not wait for the request would be over after these, and the client asleep
  for (let i = 0; i < 20; i++) await target.query('SELECT 1')
  arrives()
  await closing
})
