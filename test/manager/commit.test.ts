import assert from 'node:assert/strict'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyManager, copy, ReceiverFault } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  failsWith,
  fromTable,
  intoTable,
  iterate,
  once,
  story,
} from '../support/story.js'

const ROWS = 20_000
const fleet = await startFleet(3, { rows: ROWS, columns: 'i int PRIMARY KEY, s text' })

// the second target refuses row 13 at the very end, the third one loads all but a row
await fleet.targets[1]?.query(`
  CREATE TABLE parent (i int PRIMARY KEY);
  INSERT INTO parent SELECT i FROM generate_series(1, ${ROWS}) AS i WHERE i <> 13;
  ALTER TABLE t ADD CONSTRAINT to_parent FOREIGN KEY (i) REFERENCES parent DEFERRABLE INITIALLY DEFERRED`)
await fleet.targets[2]?.query(`
  CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.i = 13 THEN RETURN NULL; END IF; RETURN NEW; END $$;
  CREATE TRIGGER swallow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION swallow()`)

const from = () => fromTable(fleet.source, 't')
const into = (n: 0 | 1 | 2, more = {}) => intoTable(fleet.targets[n] as Server, 't', more)

for (const [what, bad, expected] of [
  ['a deferred constraint that is violated', 1, '23503'],
  ['a trigger that swallows a row', 2, 'COPY_COUNT_MISMATCH'],
] as const) {
  const good = fleet.targets[0] as Server

  story(`${what}: no receiver commits under 'abort'`, async () => {
    const error = await failsWith(copy({ from: from(), to: [into(0), into(bad)] }), { cause: ReceiverFault })
    assert.equal(error.sqlState ?? [...error.cause.faults.values()][0]?.code, expected)
    assert.deepEqual(error.committed, [])
    await fleet.assertEmpty('t')
  })

  story(`${what}: the others commit under 'isolate'`, async () => {
    const result = await copy({ from: from(), to: [into(0), into(bad)], onFault: 'isolate' })
    assert.deepEqual(
      result.receivers.map(({ state, fault }) => [state, fault?.sqlState ?? fault?.code]),
      [
        ['committed', undefined],
        ['dropped', expected],
      ],
    )
    await assertSame([fleet.source, good], 't')
    await assertRows([fleet.targets[bad] as Server], 't', 0)
  })

  story(`${what}: under 'each' the other commits on its own, and the error lists it`, async () => {
    const error = await failsWith(
      copy({
        from: from(),
        // the bad one says so last
        to: [into(0), into(bad, { after: ['SELECT pg_sleep(0.5)'] })],
        atomicity: 'each',
      }),
    )
    assert.deepEqual(error.committed, [good.name])
    await assertSame([fleet.source, good], 't')
    await assertRows([fleet.targets[bad] as Server], 't', 0)
  })
}

story("under 'each' those of the first pass are visible before a further pass begins", async (s) => {
  const [first, , third] = fleet.targets as [Server, Server, Server]
  await third.query('ALTER TABLE t DISABLE TRIGGER swallow')
  try {
    const manager = new CopyManager(from(), [into(0)], { atomicity: 'each' })
    const attach = once(() => manager.attach(into(2)))
    let seen: unknown
    await iterate(manager, {
      cycle: async ({ pass }) => {
        if (pass === 1) await attach()
        else seen ??= await first.query('SELECT count(*)::int AS rows FROM t')
      },
    })
    assert.deepEqual(seen, [{ rows: ROWS }])
    await s.assertNothingLeft()
    await assertSame([fleet.source, first, third], 't')
  } finally {
    await third.query('ALTER TABLE t ENABLE TRIGGER swallow')
  }
})

story(
  "what was committed stays a success when the producer's own close() fails, and the result reports both",
  async () => {
    const boom = new RangeError('boom')
    const producer = from()
    const close = producer.close.bind(producer)
    producer.close = async (deadlineMs) => {
      await close(deadlineMs)
      throw boom
    }
    const result = await copy({ from: producer, to: [into(0)] })
    assert.equal(result.receivers[0]?.state, 'committed')
    assert.deepEqual(
      result.warnings.map(({ cause }) => cause),
      [boom],
    )
    await assertSame([fleet.source, fleet.targets[0] as Server], 't')
  },
)
