import assert from 'node:assert/strict'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyAborted, CopyError, CopyFailed, copy, ProducerFault, ReceiverFault } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { assertSame, copyBackend, logFromNow, RING, story } from '../support/story.js'

const ROWS = 50_000
const fleet = await startFleet(2, {
  rows: ROWS,
  columns: 'i int PRIMARY KEY, s text',
  row: "i, repeat('x', 100)",
})

const from = (statement = 'COPY t TO STDOUT') => ({ connection: fleet.source.connection, statement })
const to = (statement = 'COPY t FROM STDIN') =>
  fleet.targets.map(({ connection, name }) => ({ connection, name, statement }))

/** Runs a copy that must fail; nothing may be loaded and nothing left behind, whatever the reason. */
const failing = async (options: Parameters<typeof copy>[0]): Promise<CopyFailed> => {
  const error = await copy(options).then(
    () => assert.fail('the copy succeeded'),
    (error: unknown) => error,
  )
  await fleet.assertEmpty('t')
  assert.ok(error instanceof CopyFailed, String(error))
  return error
}

/** The error of the one receiver that faulted. */
const receiverError = (error: CopyFailed, name: string): CopyError => {
  assert.ok(error.cause instanceof ReceiverFault, error.message)
  assert.equal(error.cause.faults.size, 1)
  const [fault] = error.cause.faults.values()
  assert.ok(fault instanceof CopyError)
  assert.equal(fault.receiver, name)
  return fault
}

story('a target without the table ends the copy with its SQLSTATE, and no server has a row', async () => {
  const [first, second] = to()
  assert.ok(first && second)
  const error = await failing({
    from: from(),
    to: [first, { ...second, statement: 'COPY missing FROM STDIN' }],
  })
  const fault = receiverError(error, 'target2')
  assert.equal(fault.code, 'COPY_SERVER')
  assert.equal(fault.sqlState, '42P01')
  assert.equal(fault.phase, 'start')
  assert.match(fault.message, /relation "missing" does not exist/)
  assert.equal(error.sqlState, '42P01')
})

story('the fault of a refused row has SQLSTATE, line and constraint, also from a worker thread', async () => {
  const [first, second] = to()
  assert.ok(first && second)
  const error = await failing({
    from: from(),
    to: [first, { ...second, before: ["INSERT INTO t VALUES (1000, 'in the way')"] }],
    ring: RING,
  })
  const fault = receiverError(error, 'target2')
  assert.equal(fault.sqlState, '23505')
  assert.equal(fault.phase, 'copy')
  assert.equal(fault.server?.constraint, 't_pkey')
  assert.match(fault.server?.where ?? '', /COPY t, line 1000/)
  assert.ok(fault.cause instanceof Error)
})

story(
  "a target's log says that another receiver or the producer failed, and never quotes that error",
  async () => {
    const [first, second] = to()
    const target = fleet.targets[0]
    assert.ok(first && second && target)
    const silent = async function* () {
      yield ['1\tone\n', 'very-secret\ttwo\n']
      await new Promise(() => undefined)
    }
    const throwing = async function* () {
      yield ['1\tone\n']
      await copyBackend(target, 't')
      throw new Error('very-secret')
    }
    const asText = { ...first, before: ['CREATE TEMP TABLE t (i text, s text)'] }
    for (const [source, receivers, reason] of [
      [silent(), [asText, second], 'another receiver failed'],
      [throwing(), [first], 'the producer failed'],
    ] as const) {
      const log = await logFromNow(target)
      const error = await failing({ from: source, to: receivers })
      assert.match(error.message, /very-secret/)
      const said = await log()
      assert.match(said, new RegExp(`COPY from stdin failed: ${reason}`))
      assert.doesNotMatch(said, /very-secret/)
    }
  },
)

story("a source that fails in mid-copy is the producer's fault, and no server has a row", async () => {
  const error = await failing({
    from: from(`COPY (SELECT i, 1 / (${ROWS / 2} - i) FROM t) TO STDOUT`),
    to: to(),
  })
  assert.ok(error.cause instanceof ProducerFault)
  assert.equal(error.cause.sqlState, '22012')
})

story('a source without the table is refused before anything is loaded', async () => {
  const error = await failing({ from: from('COPY missing TO STDOUT'), to: to() })
  assert.ok(error.cause instanceof ProducerFault)
  assert.equal(error.cause.sqlState, '42P01')
})

story("a source that is terminated in mid-copy is the producer's fault", async () => {
  const error = await failing({
    from: from(
      `COPY (SELECT i, pg_terminate_backend(CASE WHEN i = ${ROWS / 2} THEN pg_backend_pid() ELSE 0 END)::text FROM t) TO STDOUT`,
    ),
    to: to(),
  })
  assert.ok(error.cause instanceof ProducerFault)
  assert.equal(error.cause.sqlState, '57P01', error.message)
})

story('a target that is terminated in mid-copy says so', async () => {
  const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY t FROM%'`
  let killed = 0
  const error = await failing({
    from: from(),
    to: [
      ...to(),
      async () => {
        // the target may still be connecting when the first slice arrives; the ring holds the source meanwhile
        while (killed === 0) killed = (await (fleet.targets[0] as Server).query(kill)).length
      },
    ],
    ring: { slots: 2, slotBytes: 4096 },
  })
  const fault = receiverError(error, 'target1')
  assert.ok(fault.sqlState === '57P01' || fault.code === 'COPY_CONNECTION_LOST', fault.message)
})

story('statements that are no COPY, or the wrong one, are refused with a sentence', async (s) => {
  const wrongs: [Parameters<typeof copy>[0], RegExp][] = [
    [{ from: from('SELECT 1'), to: to() }, /no COPY/],
    [{ from: from('COPY t FROM STDIN'), to: to() }, /COPY FROM/],
    [{ from: from('COPY t TO STDOUT; SELECT 1'), to: to() }, /multiple commands/],
    [{ from: from(''), to: to() }, /from\.statement must be a COPY statement/],
    [{ from: from(), to: to('SELECT 1') }, /no COPY/],
    [{ from: from(), to: to('COPY t TO STDOUT') }, /COPY TO/],
  ]
  for (const [options, text] of wrongs) {
    await assert.rejects(
      copy(options),
      (error: Error) => text.test(error.message) || assert.fail(error.message),
    )
    await s.assertNothingLeft()
  }
})

story('a trigger that swallows rows is found before COMMIT, and allowed by at-most', async () => {
  await fleet.targets[1]?.query(`
    CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.i % 1000 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$;
    CREATE TRIGGER swallow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION swallow()`)
  try {
    const error = await failing({ from: from(), to: to() })
    const fault = receiverError(error, 'target2')
    assert.equal(fault.code, 'COPY_COUNT_MISMATCH')
    assert.match(
      fault.message,
      new RegExp(`${ROWS - ROWS / 1000} rows were loaded but the producer sent ${ROWS}`),
    )
    const allowed = await copy({
      from: from(),
      to: to().map((receiver) => ({ ...receiver, rowCount: 'at-most' as const })),
    })
    assert.deepEqual(
      allowed.receivers.map(({ rows }) => rows),
      [ROWS, ROWS - ROWS / 1000],
    )
    const [first, second] = fleet.targets as [Server, Server]
    await assertSame([fleet.source, first], 't')
    const kept = '(SELECT * FROM t WHERE i % 1000 <> 0)'
    assert.deepEqual(await digestOf(second, 't'), await digestOf(fleet.source, kept))
  } finally {
    await fleet.targets[1]?.query('DROP FUNCTION swallow CASCADE')
  }
})

story('a deferred constraint that is violated is found before any COMMIT', async () => {
  const target = fleet.targets[1]
  await target?.query(
    `CREATE TABLE parent (i int PRIMARY KEY); ALTER TABLE t ADD CONSTRAINT to_parent FOREIGN KEY (i) REFERENCES parent DEFERRABLE INITIALLY DEFERRED`,
  )
  try {
    const error = await failing({ from: from(), to: to() })
    assert.equal(receiverError(error, 'target2').sqlState, '23503')
  } finally {
    await target?.query('ALTER TABLE t DROP CONSTRAINT to_parent; DROP TABLE parent')
  }
})

for (const place of ['before', 'after'] as const) {
  story(
    `the error of a constraint trigger at the end is reported, and nothing is loaded, also where ${place} has a savepoint of the name copyman`,
    async () => {
      const [first, second] = to()
      const target = fleet.targets[1]
      await target?.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = '42501'; END $$;
      CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse()`)
      try {
        assert.ok(first && second)
        const error = await failing({
          from: from(),
          to: [first, { ...second, [place]: ['SAVEPOINT copyman'] }],
        })
        const { sqlState, phase } = receiverError(error, 'target2')
        assert.deepEqual([sqlState, phase], ['42501', 'complete'])
        await fleet.assertEmpty('t')
      } finally {
        await target?.query('DROP FUNCTION refuse CASCADE')
      }
    },
  )
}

story('a refused port and a wrong password name the server and never the password', async () => {
  const password = 'canary-Zx81'
  const [first] = to()
  assert.ok(first)
  const refused = await failing({
    from: from(),
    to: [{ ...first, connection: `postgres://someone:${password}@127.0.0.1:1/db` }],
  })
  assert.equal(receiverError(refused, 'target1').code, 'COPY_CONNECT')
  assert.match(refused.message, /cannot connect to 127\.0\.0\.1:1: connect ECONNREFUSED/)
  const unknown = await failing({
    from: from(),
    to: [{ ...first, connection: { ...fleet.targets[0]?.connection, database: 'nowhere', password } }],
  })
  assert.equal(receiverError(unknown, 'target1').sqlState, '3D000')
  const { inspect } = await import('node:util')
  for (const error of [refused, unknown]) assert.ok(!inspect(error, { depth: 20 }).includes(password))
})

story("a callable that throws is a receiver's fault with what it threw as the cause", async () => {
  const thrown = new RangeError('no more')
  const error = await failing({
    from: from(),
    to: [
      ...to(),
      () => {
        throw thrown
      },
    ],
  })
  const fault = receiverError(error, 'receiver 3')
  assert.equal(fault.code, 'COPY_CALLABLE')
  assert.equal(fault.cause, thrown)
})

story("a source that throws is the producer's fault with what it threw as the cause", async () => {
  const thrown = new RangeError('no more')
  const source = function* () {
    yield ['1\tone\n', '2\ttwo\n']
    throw thrown
  }
  const error = await failing({ from: source(), to: to() })
  assert.ok(error.cause instanceof ProducerFault)
  assert.equal((error.cause.cause as Error).cause, thrown)
})

story('a signal aborts before the start, and in mid-copy, and nothing is loaded', async (s) => {
  const reason = new Error('enough')
  for (const when of ['before', 'mid-copy']) {
    const controller = new AbortController()
    if (when === 'before') controller.abort(reason)
    const copying = copy({
      from: from(),
      to: [...to(), () => controller.abort(reason)],
      signal: controller.signal,
      ring: { slots: 2, slotBytes: 4096 },
    })
    await assert.rejects(copying, (error: unknown) => {
      assert.ok(error instanceof CopyAborted)
      assert.equal(error.cause, reason)
      return true
    })
    await s.assertNothingLeft()
    await fleet.assertEmpty('t')
  }
})
