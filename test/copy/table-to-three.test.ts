import assert from 'node:assert/strict'
import { copy, StatementProducer, StatementReceiver } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'

// The source writes dates its own way and the targets read them another: only pinned settings make the copy right.
const fleet = await startFleet(3, {
  perServer: (i) => ({
    settings: {
      DateStyle: i === 0 ? 'SQL, DMY' : 'ISO, MDY',
      IntervalStyle: i === 0 ? 'sql_standard' : 'postgres',
    },
  }),
})

/** A million in `npm run test:stress`. */
const ROWS = Number(process.env.COPYMAN_STORY_ROWS ?? 40_000)

const TABLE = `CREATE TABLE awkward (
  id int, words text, data bytea, list text[], nested int[][], exact numeric, day date, moment timestamptz, span interval,
  real8 double precision, flag boolean, doc jsonb, pad char(5), money numeric(20,4), id2 uuid)`

/** Every kind of value that has ever broken a loader, spread over all rows. */
const FILL = `INSERT INTO awkward SELECT
  i,
  (ARRAY[NULL, '', ' ', E'tab\\there', E'line\\nbreak', E'cr\\r\\nlf', 'quote " and ''', 'back\\slash \\N \\.', '😀 größer 日本語', E'\\x01\\x7f', 'NULL', ',;|'])[1 + i % 12],
  CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN ''::bytea ELSE decode(md5(i::text) || '000aff5c', 'hex') END,
  CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}' WHEN 2 THEN ARRAY['a,b', NULL, '"q"', E'\\\\', ''] ELSE ARRAY[i::text] END,
  CASE i % 5 WHEN 0 THEN '{{1,2},{3,NULL}}'::int[] END,
  CASE i % 6 WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN 0.000000000000000000001 WHEN 2 THEN -12345678901234567890.123456789 ELSE i / 7.0 END,
  CASE i % 7 WHEN 0 THEN 'infinity'::date ELSE date '2024-02-01' + i % 1000 END,
  timestamptz '2024-02-01 12:34:56.789+00' + i * interval '61 seconds',
  i * interval '1 day 2 hours 3.5 seconds' - interval '7 months',
  CASE i % 8 WHEN 0 THEN 'Infinity'::float8 WHEN 1 THEN 'NaN'::float8 WHEN 2 THEN 1e-300 ELSE sqrt(i) END,
  i % 2 = 0,
  CASE i % 9 WHEN 0 THEN 'null'::jsonb WHEN 1 THEN NULL ELSE jsonb_build_object('k', i, 't', E'tab\\t') END,
  left('abc', i % 4),
  i * 1.25,
  md5(i::text)::uuid
  FROM generate_series(1, ${ROWS}) AS i`

await fleet.everywhere(TABLE)
await fleet.source.query(FILL)
await fleet.source.query(
  `INSERT INTO awkward (id, words) VALUES (0, repeat('twenty million ', 1400000)), (-1, repeat(E'\\n', 3000000))`,
)

for (const format of ['text', 'csv', 'binary']) {
  story(`${ROWS} awkward rows reach three servers unchanged in ${format}`, async () => {
    await fleet.onTargets('TRUNCATE awkward')
    const result = await copy({
      from: { connection: fleet.source.connection, statement: `COPY awkward TO STDOUT (FORMAT ${format})` },
      to: fleet.targets.map(({ url }) => ({
        connection: url,
        statement: `COPY awkward FROM STDIN (FORMAT ${format})`,
      })),
    })
    assert.equal(result.rows, ROWS + 2)
    assert.equal(result.messages, ROWS + 2 + (format === 'binary' ? 1 : 0))
    assert.deepEqual(
      result.receivers.map(({ state, rows, bytes }) => ({ state, rows, bytes })),
      Array(3).fill({ state: 'committed', rows: ROWS + 2, bytes: result.bytes }),
    )
    await fleet.assertEqual('awkward')
  })
}

story('rows of no columns are ten messages, counted at both ends', async () => {
  await fleet.everywhere('CREATE TABLE nothing ()')
  await fleet.source.query('INSERT INTO nothing SELECT FROM generate_series(1, 10)')
  for (const format of ['text', 'binary']) {
    await fleet.onTargets('TRUNCATE nothing')
    const producer = new StatementProducer({
      connection: fleet.source.connection,
      statement: `COPY nothing TO STDOUT (FORMAT ${format})`,
    })
    const receivers = fleet.targets.map(
      ({ connection }) =>
        new StatementReceiver({ connection, statement: `COPY nothing FROM STDIN (FORMAT ${format})` }),
    )
    const result = await copy({ from: producer, to: receivers })
    // the trailer of the binary format is a message of its own
    const messages = format === 'binary' ? 11 : 10
    assert.deepEqual([result.rows, result.messages, producer.totalMessages], [10, messages, messages])
    for (const { count, command } of [producer, ...receivers])
      assert.deepEqual({ count, command }, { count: 10, command: 'COPY 10' })
    await fleet.assertEqual('nothing')
  }
})

story('an empty table and a CSV header line are counted right', async () => {
  await fleet.everywhere('CREATE TABLE few (i int, t text)')
  for (const rows of [0, 3]) {
    await fleet.everywhere('TRUNCATE few')
    await fleet.source.query(`INSERT INTO few SELECT i, 'row' FROM generate_series(1, ${rows}) AS i`)
    for (const options of ['FORMAT text', 'FORMAT csv, HEADER', 'FORMAT binary']) {
      await fleet.onTargets('TRUNCATE few')
      const result = await copy({
        from: { connection: fleet.source.connection, statement: `COPY few TO STDOUT (${options})` },
        to: fleet.targets.map(({ connection }) => ({
          connection,
          statement: `COPY few FROM STDIN (${options})`,
        })),
      })
      assert.equal(result.rows, rows, options)
      assert.equal(result.messages, rows + (options === 'FORMAT text' ? 0 : 1), options)
      await fleet.assertEqual('few')
    }
  }
})

story('before and after run in the transaction of each receiver', async () => {
  await fleet.everywhere('CREATE TABLE steps (t text); CREATE TABLE log (t text)')
  await fleet.source.query(`INSERT INTO steps VALUES ('new')`)
  await fleet.onTargets(`INSERT INTO steps VALUES ('old')`)
  await copy({
    from: { connection: fleet.source.connection, statement: 'COPY steps TO STDOUT' },
    to: fleet.targets.map(({ connection }) => ({
      connection,
      statement: 'COPY steps FROM STDIN',
      before: ['TRUNCATE steps', `INSERT INTO log VALUES ('before')`],
      after: [`INSERT INTO log SELECT 'after ' || t FROM steps`],
    })),
  })
  await fleet.assertEqual('steps')
  for (const target of fleet.targets) {
    assert.deepEqual(await target.query('SELECT t FROM log'), [{ t: 'before' }, { t: 'after new' }])
  }
})
