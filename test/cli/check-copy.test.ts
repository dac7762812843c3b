import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { CheckReport } from '../../src/cli/check/report/check-report.js'
import { type CheckRequest, runCheck } from '../../src/cli/check/run-check.js'
import { copy } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'

const fleet = await startFleet(2)
const { source, targets } = fleet

const checked = async (name: string, more: Partial<CheckRequest> = {}): Promise<CheckReport> =>
  runCheck({
    source: { connection: source.connection, table: `"${name}"` },
    targets: targets.map((server) => ({
      name: server.name,
      connection: server.connection,
      table: `"${name}"`,
    })),
    format: 'auto',
    ...more,
  })

/** Checks, and copies as the check says. */
const copied = async (name: string, more: Partial<CheckRequest> = {}): Promise<CheckReport> => {
  const report = await checked(name, more)
  assert.ok(report.ok, JSON.stringify(report.targets.map(({ findings }) => findings)))
  const { format } = report.format
  await copy({
    from: {
      connection: source.connection,
      statement: `COPY ${report.copiedFrom} TO STDOUT (FORMAT ${format})`,
    },
    to: report.targets.map(({ columns }, i) => ({
      connection: targets[i]?.connection ?? '',
      statement: `COPY "${name}"${columns === undefined ? '' : ` (${columns})`} FROM STDIN (FORMAT ${format})`,
    })),
  })
  return report
}

story(
  'every built-in type that may go in binary arrives unchanged, and so do enums, domains, ranges and arrays of them',
  async () => {
    await fleet.everywhere(`CREATE TYPE mood AS ENUM ('sad', 'ok')`)
    await fleet.everywhere('CREATE DOMAIN small AS int CHECK (VALUE < 10)')
    await fleet.everywhere('CREATE TYPE span AS RANGE (subtype = float8)')
    // so that the same names have other numbers on one of them
    await targets[1]?.query('CREATE TYPE filler AS ENUM ()')
    await targets[1]?.query('DROP TYPE mood')
    await targets[1]?.query(`CREATE TYPE mood AS ENUM ('sad', 'ok')`)
    await fleet.everywhere(`CREATE TABLE kinds (
    a int2, b int4, c int8, d float4, e float8, f numeric, g text, h varchar(9), i char(3), j bool, k bytea, l uuid,
    m json, n jsonb, o date, p time, q timetz, r timestamp, s timestamptz, t interval, u inet, v cidr, w macaddr,
    x int4range, y int4multirange, z tsvector, aa tsquery, ab bit(3), ac varbit, ad point, ae money, af xml,
    ag mood, ah mood[], ai small, aj small[], ak span, al int4[], am text[][], an name, ao pg_lsn, ap int2vector)`)
    await source.query(`INSERT INTO kinds VALUES (1, 2, 3, 1.5, 2.5, 'NaN', 'äöü', 'nine', 'abc', true, '\\xff00',
    gen_random_uuid(), '{"a": 1}', '{"b": [1, null]}', '2024-02-01', '12:34', '12:34+02', '2024-02-01 12:34',
    '2024-02-01 12:34+02', '1 mon 2 days 03:04:05', '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '[1,5)',
    '{[1,2),[5,7)}', 'a fat cat', 'fat & cat', B'101', B'1', '(1,2)', 12.34, '<a/>', 'ok', '{sad,ok}', 7, '{1,2}',
    '[1.5,2.5]', '{1,NULL,3}', '{{a,b},{c,NULL}}', 'name', '16/B374D848', '1 2 3')`)
    await source.query('INSERT INTO kinds DEFAULT VALUES')
    const report = await copied('kinds')
    assert.equal(report.format.format, 'binary')
    await fleet.assertEqual('kinds')
  },
)

story('types that binary would damage, or cannot do, go as text', async () => {
  await fleet.everywhere('CREATE TYPE pair AS (a int, b text)')
  await fleet.everywhere('CREATE DOMAIN relation AS regclass')
  await fleet.everywhere('CREATE TABLE here (id int)')
  for (const [i, [type, value, why]] of (
    [
      ['regclass', `'here'`, /column b: regclass is a number of the source's own catalog/],
      ['regtype[]', `'{integer}'`, /regtype is a number/],
      ['relation', `'here'`, /regclass is a number/],
      ['oid', '1', /column b: oid is a number/],
      ['oidvector', `'1 2'`, /oid(vector)? is a number/],
      ['pair', `'(1,x)'`, /pair is a composite type/],
      ['pair[]', `'{"(1,x)"}'`, /pair is a composite type/],
      ['aclitem', `'postgres=r/postgres'`, /aclitem has no binary form/],
    ] as const
  ).entries()) {
    const name = `text${i}`
    await fleet.everywhere(`CREATE TABLE ${name} (a int, b ${type})`)
    await source.query(`INSERT INTO ${name} VALUES (1, ${value}), (2, NULL)`)
    const report = await copied(name)
    assert.equal(report.format.format, 'text')
    assert.match(report.format.why, why)
    await fleet.assertEqual(name)
  }
})

story(
  'binary that is asked for all the same: a warning, or an error where no server would do it',
  async () => {
    const found = async (name: string): Promise<string[] | undefined> =>
      (await checked(name, { format: 'binary' })).source?.findings.map(
        ({ severity, code }) => `${severity} ${code}`,
      )
    assert.deepEqual(await found('kinds'), [])
    assert.deepEqual(await found('text0'), ['warning binary'])
    assert.deepEqual(await found('text7'), ['error binary'])
  },
)

story(
  'one target of another type makes it text for all; one that cannot be loaded does not count',
  async () => {
    await fleet.everywhere('CREATE TABLE say (a int, b text)')
    await source.query(`INSERT INTO say VALUES (1, 'x')`)
    const [, last] = targets
    await last?.query('ALTER TABLE say ALTER a TYPE bigint')
    const report = await copied('say')
    assert.deepEqual(report.format, {
      format: 'text',
      why: 'column a is integer at the source and bigint at target2',
    })
    await fleet.assertEqual('say')
    await last?.query('TRUNCATE say; ALTER TABLE say ADD c int NOT NULL')
    const left = await checked('say')
    assert.deepEqual(
      left.targets.map(({ ok }) => ok),
      [true, false],
    )
    assert.deepEqual([left.ok, left.status, left.format.format], [false, 1, 'binary'])
  },
)

story('an extension type goes in binary when both ends have it in the same version', async () => {
  const [first, last] = targets
  for (const server of [source, first]) await server?.query('CREATE EXTENSION citext')
  // of a schema of its own: the name counts, not where it lies
  await last?.query('CREATE SCHEMA ext')
  await last?.query('CREATE EXTENSION citext SCHEMA ext')
  for (const server of [source, first]) await server?.query('CREATE TABLE ci (a citext)')
  await last?.query('CREATE TABLE ci (a ext.citext)')
  await source.query(`INSERT INTO ci VALUES ('Ä')`)
  assert.equal((await copied('ci')).format.format, 'binary')
  await fleet.assertEqual('ci')
  // in practice an update makes versions differ; the check sees only the version in the catalog
  await last?.query(`UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'citext'`)
  const report = await checked('ci')
  assert.match(report.format.why, /^column a is citext .*at target2$/)
  assert.equal(report.format.format, 'text')
})

story(
  'generated columns, another order, views, partitioned tables and odd names are copied as the check says',
  async () => {
    const generated = 'GENERATED ALWAYS AS (a * 2) STORED'
    await fleet.everywhere(`CREATE TABLE computed (a int, twice int ${generated}, b text)`)
    await source.query(`INSERT INTO computed (a, b) VALUES (1, 'x'), (2, NULL)`)
    await copied('computed')
    await fleet.assertEqual('computed')

    await source.query(`CREATE TABLE stored (a int, twice int ${generated})`)
    for (const target of targets) await target.query('CREATE TABLE stored (twice int, a int)')
    await source.query('INSERT INTO stored VALUES (1), (2)')
    await copied('stored')
    assert.deepEqual(await targets[0]?.query('SELECT a, twice FROM stored ORDER BY a'), [
      { a: 1, twice: 2 },
      { a: 2, twice: 4 },
    ])

    await source.query(`CREATE VIEW seen AS SELECT i AS id, 'r' || i AS what FROM generate_series(1, 3) AS i`)
    for (const target of targets) await target.query('CREATE TABLE seen (id int, what text)')
    await copied('seen')
    await fleet.assertEqual('seen')

    await fleet.everywhere('CREATE TABLE split (a int, b text) PARTITION BY HASH (a)')
    for (const i of [0, 1]) {
      await fleet.everywhere(
        `CREATE TABLE split${i} PARTITION OF split FOR VALUES WITH (MODULUS 2, REMAINDER ${i})`,
      )
    }
    await source.query(`INSERT INTO split SELECT i, 'p' || i FROM generate_series(1, 100) AS i`)
    const report = await copied('split')
    await fleet.assertEqual('split')
    assert.equal(report.estimate !== undefined && report.estimate.rows > 0, true)

    await fleet.everywhere('CREATE TABLE odd ("a ""b" int, "SELECT" text, "ä;--" int)')
    await source.query(`INSERT INTO odd VALUES (1, 'x', 2)`)
    await copied('odd')
    await fleet.assertEqual('odd')
  },
)

/** Runs a line in a shell, where psql is a program that prints its arguments. */
const shellWords = (line: string): string[] => {
  const { stdout } = spawnSync('sh', ['-c', `psql() { printf '%s\\0' psql "$@"; }; ${line}`], {
    encoding: 'utf8',
  })
  return stdout.split('\0')
}

story('a recipe for a missing table makes it, as a shell runs it', async () => {
  await source.query('CREATE SCHEMA "sp ace"')
  await source.query('CREATE TABLE "sp ace"."it\'s" ("a b" numeric(4,1), "$x" text NOT NULL)')
  const report = await runCheck({
    source: { connection: source.connection, query: 'SELECT * FROM "sp ace"."it\'s"' },
    targets: [{ name: 't', connection: targets[0]?.connection ?? '', table: '"sp ace"."it\'s"' }],
    format: 'auto',
  })
  const message = report.targets[0]?.findings[0]?.message ?? ''
  const recipe = message.slice(message.indexOf('To make it: ') + 'To make it: '.length)
  const words = shellWords(recipe)
  const statements = words.flatMap((word, i) => (words[i - 1] === '-c' ? [word] : []))
  assert.equal(statements.length, 2)
  for (const statement of statements) await targets[0]?.query(statement)
  const again = await runCheck({
    source: { connection: source.connection, query: 'SELECT * FROM "sp ace"."it\'s"' },
    targets: [{ name: 't', connection: targets[0]?.connection ?? '', table: '"sp ace"."it\'s"' }],
    format: 'auto',
  })
  assert.deepEqual(again.targets[0]?.findings, [])
})
