import assert from 'node:assert/strict'
import type { CheckReport } from '../../src/cli/check/report/check-report.js'
import type { CheckRequest } from '../../src/cli/check/run-check.js'
import { runCheck } from '../../src/cli/check/run-check.js'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'

const fleet = await startFleet(1)
const { source } = fleet
const target = fleet.targets[0] as (typeof fleet.targets)[0]

const quoted = (name: string): string =>
  name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')

type More = Partial<Omit<CheckRequest, 'source' | 'targets'>> & {
  readonly as?: string
  readonly query?: string
}

/** Checks one table of the source against that of the target. */
const check = (name: string, { as, query, ...more }: More = {}): Promise<CheckReport> => {
  const login = as === undefined ? {} : { user: as }
  const connection = { ...source.connection, ...login }
  return runCheck({
    source: query === undefined ? { connection, table: quoted(name) } : { connection, query },
    targets: [{ name: 'b', connection: { ...target.connection, ...login }, table: quoted(name) }],
    format: 'auto',
    ...more,
  })
}

/** What was found at the target, `severity code: message` each. */
const atTarget = (report: CheckReport): string[] => said(report.targets[0]?.findings)
const atSource = (report: CheckReport): string[] => said(report.source?.findings)
const said = (findings: CheckReport['targets'][0]['findings'] = []): string[] =>
  findings.map(({ severity, code, message }) => `${severity} ${code}: ${message}`)

/** Makes a table at both ends, which differ as the test says. */
const make = async (name: string, there: string, here: string): Promise<void> => {
  await source.query(`CREATE TABLE ${name} (${there})`)
  await target.query(`CREATE TABLE ${name} (${here})`)
}

/** Fails unless exactly these are found, in this order. */
const assertFound = (found: string[], ...expected: RegExp[]): void => {
  assert.equal(found.length, expected.length, found.join('\n'))
  expected.forEach((pattern, i) => {
    assert.match(found[i] ?? '', pattern)
  })
}

story('equal tables have no findings, and are copied in binary', async () => {
  await make(
    'same',
    'id int PRIMARY KEY, what text NOT NULL, at timestamptz',
    'id int PRIMARY KEY, what text NOT NULL, at timestamptz',
  )
  const report = await check('same')
  assert.deepEqual([atSource(report), atTarget(report)], [[], []])
  assert.deepEqual([report.ok, report.status], [true, 0])
  assert.deepEqual(report.format, {
    format: 'binary',
    why: 'the target has the same types in the same columns',
  })
  assert.equal(report.copiedFrom, '"public"."same" ("id", "what", "at")')
  assert.equal(report.targets[0]?.columns, '"id", "what", "at"')
})

story(
  'a statement_timeout that is meant for other work does not end the check, as it does not end the copy',
  async () => {
    const body = 'BEGIN PERFORM pg_sleep(0.3); RETURN 1; END'
    // the planner calls an immutable function
    await source.query(`CREATE FUNCTION slow() RETURNS int IMMUTABLE LANGUAGE plpgsql AS '${body}'`)
    await target.query('CREATE TABLE hurried (slow int)')
    const report = await runCheck({
      source: {
        connection: { ...source.connection, options: '-c statement_timeout=100' },
        query: 'SELECT slow()',
      },
      targets: [{ name: 'b', connection: target.connection, table: quoted('hurried') }],
      format: 'auto',
    })
    assert.deepEqual([atSource(report), atTarget(report)], [[], []])
  },
)

story('a missing table is an error that says how to make it, without a password', async () => {
  await source.query('CREATE SCHEMA "it\'s"')
  await source.query('CREATE TABLE "it\'s"."New Table" (id int, "a b" numeric(4,1))')
  await target.query('CREATE TABLE "new table" (id int)')
  const report = await check("it's.New Table")
  assert.equal(report.status, 1)
  assertFound(
    atTarget(report),
    /^error table-missing: table it's\.New Table does not exist; there is public\."new table"\. To make it: psql -d postgres:\/\/postgres@127\.0\.0\.1:\d+\/postgres -c 'CREATE SCHEMA "it'\\''s"' && pg_dump -s -t '"it'\\''s"\."New Table"' -d postgres:\S+ \| psql -d postgres:\S+$/,
  )
  const query = await check("it's.New Table", { query: `SELECT 1::int8 AS id, 'x' AS what` })
  assertFound(atTarget(query), /-c 'CREATE TABLE "it'\\''s"\."New Table" \("id" bigint, "what" text\)'$/)
  const before = await check("it's.New Table", { before: ['CREATE TABLE …'] })
  assert.equal(before.ok, true)
  assertFound(atTarget(before), /^warning table-missing: .* so --before must make it/)
  assert.deepEqual(before.format, { format: 'text', why: 'nothing is known of the types at b' })
  assert.equal(before.targets[0]?.columns, '"id", "a b"')
})

story('a source that is missing is an error of the source', async () => {
  await source.query('CREATE SCHEMA far')
  await source.query('CREATE TABLE far.away (id int)')
  const report = await check('away')
  assertFound(atSource(report), /^error table-missing: table away does not exist; there is far\.away$/)
  assert.equal(report.status, 1)
  assertFound(
    atSource(await check('x', { query: 'SELECT nothing' })),
    /^error query: .*column "nothing" does not exist/,
  )
  const two = await check('x', { query: 'SELECT 1; DROP TABLE far.away' })
  assertFound(atSource(two), /^error query: .*cannot insert multiple commands/)
})

story('columns that one end lacks, that are required, and that stand in another order', async () => {
  await make('columns1', 'a int, b text, c int', 'c int, a int, d int DEFAULT 1, e int NOT NULL, f serial')
  assertFound(
    atTarget(await check('columns1')),
    /^note sequence: .*"f"/,
    /^error column-missing: column "b" \(text\) is missing here/,
    /^note column-order: /,
    /^error column-required: column "e" \(integer\) is NOT NULL without a default/,
    /^note column-extra: columns "d", "f" are not in the source/,
  )
})

story('generated columns are left out of the list, unless one end stores them', async () => {
  await make(
    'generated1',
    'a int, twice int GENERATED ALWAYS AS (a * 2) STORED',
    'a int, twice int GENERATED ALWAYS AS (a * 2) STORED',
  )
  const both = await check('generated1')
  assert.deepEqual([atTarget(both), both.targets[0]?.columns], [[], '"a"'])
  await make('generated2', 'a int, twice int GENERATED ALWAYS AS (a * 2) STORED', 'a int, twice int')
  const stored = await check('generated2')
  assert.deepEqual([atTarget(stored), stored.targets[0]?.columns], [[], '"a", "twice"'])
  assert.equal(stored.copiedFrom, '(SELECT "a", "twice" FROM "public"."generated2"\n)')
  await make('generated3', 'a int, twice int', 'a int, twice int GENERATED ALWAYS AS (a * 2) STORED')
  const computed = await check('generated3')
  assert.deepEqual([atTarget(computed), computed.targets[0]?.columns], [[], '"a"'])
})

story(
  'where targets generate different columns, the source decides, and the target that differs from it has a finding',
  async () => {
    const [generating, storing] = ['a int, twice int GENERATED ALWAYS AS (a * 2) STORED', 'a int, twice int']
    for (const [name, there, pattern] of [
      ['mixed1', storing, /^error column-generated: column "twice" is generated here/],
      ['mixed2', generating, /^error column-generated: column "twice" is generated at the source/],
    ] as const) {
      await make(name, there, generating)
      await target.query(`CREATE TABLE ${name}_stored (${storing})`)
      const report = await runCheck({
        source: { connection: source.connection, table: quoted(name) },
        targets: [name, `${name}_stored`].map((table) => ({
          name: table,
          connection: target.connection,
          table: quoted(table),
        })),
        format: 'auto',
      })
      const [odd, other] = there === storing ? [0, 1] : [1, 0]
      assertFound(said(report.targets[odd as number]?.findings), pattern)
      assert.deepEqual(said(report.targets[other as number]?.findings), [])
    }
  },
)

story('types: what fits as text, what may not, what is lost silently', async () => {
  await make(
    'types1',
    'a int, b text, c timestamp, d varchar(10), e numeric(10,2), f varchar(5), g int, h timestamp(6)',
    'a bigint, b int, c timestamptz, d varchar(5), e numeric(8,2), f varchar(9), g text, h timestamp(3)',
  )
  const report = await check('types1')
  assertFound(
    atTarget(report),
    /^note type: column "a" is bigint here and integer at the source: its values fit as text/,
    /^warning type: column "b" is integer here and text at the source: as text, a value that is no integer makes the copy fail$/,
    /^warning type: column "c" is timestamp with time zone here .*: times are taken to be in UTC/,
    /^warning type: column "d" is character varying\(5\) here .*: a value that does not fit/,
    /^warning type: column "e" .*: values are rounded, or fail/,
    /^note type: column "g" is text here/,
    /^warning type: column "h" .*: values are rounded, or fail/,
  )
  assert.deepEqual(report.format, {
    format: 'text',
    why: 'column a is integer at the source and bigint at b',
  })
  const binary = await check('types1', { format: 'binary' })
  assert.match(atTarget(binary)[0] ?? '', /^error type: .*binary needs the same type at both ends/)
  assert.deepEqual(binary.format, { format: 'binary', why: 'it was asked for' })
})

story('enums of one name that differ in their labels, and domains', async () => {
  await source.query(`CREATE TYPE mood AS ENUM ('ok', 'sad', 'wild')`)
  await target.query(`CREATE TYPE mood AS ENUM ('sad', 'ok')`)
  await source.query('CREATE DOMAIN small AS int CHECK (VALUE < 10)')
  await target.query('CREATE DOMAIN smaller AS int CHECK (VALUE < 5)')
  await make('types2', 'm mood, ms mood[], d small, n small', 'm mood, ms mood[], d smaller, n int')
  const report = await check('types2')
  assertFound(
    atTarget(report),
    /^warning enum: column "m": the enum mood lacks "wild" here/,
    /^warning enum: column "ms": the enum mood lacks "wild"/,
    /^note type: column "d" is smaller here and small at the source: a value that the domain does not allow/,
  )
  assert.equal(report.format.format, 'binary')
})

story('NULLs that a target does not take', async () => {
  await make('nulls', 'a int, b int NOT NULL', 'a int NOT NULL, b int NOT NULL')
  assertFound(atTarget(await check('nulls')), /^warning column-null: column "a" is NOT NULL here/)
  await source.query('CREATE VIEW nulls_view AS SELECT * FROM nulls')
  await target.query('CREATE TABLE nulls_view (a int NOT NULL, b int)')
  assert.deepEqual(atTarget(await check('nulls_view')), [])
})

story('a query goes by name where its columns are named as the table, else by position', async () => {
  await target.query('CREATE TABLE queried (a int, b text, c int)')
  const named = await check('queried', { query: `SELECT 'x' AS b, 1 AS a -- a comment` })
  assertFound(atTarget(named), /^note column-order: /, /^note column-extra: column "c"/)
  assert.equal(named.targets[0]?.columns, '"b", "a"')
  assert.equal(named.copiedFrom, `(SELECT 'x' AS b, 1 AS a -- a comment\n)`)
  const placed = await check('queried', { query: `SELECT 1, 'x', 3` })
  assertFound(atTarget(placed), /^warning column-names: .*by position: \?column\? into a, \?column\? into b/)
  assert.equal(placed.targets[0]?.columns, '"a", "b", "c"')
  const few = await check('queried', { query: 'SELECT 1, 2' })
  assertFound(atTarget(few), /^error column-number: the query gives 2 columns and the table stores 3/)
})

story('privileges that are missing, at both ends', async () => {
  await fleet.everywhere('CREATE ROLE clerk LOGIN')
  await make('private', 'a int, b int', 'a int, b int')
  const none = await check('private', { as: 'clerk', truncate: true })
  assertFound(
    atSource(none),
    /^error privilege: role "clerk" may not SELECT "a", "b": GRANT SELECT ON "public"\."private" TO "clerk"$/,
  )
  assertFound(
    atTarget(none),
    /^error privilege: role "clerk" may not empty the table: GRANT TRUNCATE ON "public"\."private" TO "clerk"$/,
    /^error privilege: the role may not INSERT into "a", "b"/,
  )
  await source.query('GRANT SELECT ON private TO clerk')
  await target.query('GRANT INSERT (a) ON private TO clerk')
  const some = await check('private', { as: 'clerk' })
  assert.deepEqual(atSource(some), [])
  assertFound(atTarget(some), /^error privilege: .*"b"/)
  await source.query('CREATE SCHEMA closed')
  await source.query('CREATE TABLE closed.t (a int)')
  const closed = await check('closed.t', { as: 'clerk' })
  assert.match(atSource(closed).join(), /may not use schema "closed"/)
})

story('row-level security that applies to the role, also for the table below a view', async () => {
  await make('secured', 'a int', 'a int')
  for (const server of fleet.all) {
    await server.query('GRANT ALL ON secured TO clerk')
    await server.query('ALTER TABLE secured ENABLE ROW LEVEL SECURITY')
  }
  const report = await check('secured', { as: 'clerk' })
  assertFound(atSource(report), /^error row-security: /)
  assertFound(atTarget(report), /^error row-security: /)
  const owner = await check('secured')
  assert.deepEqual([atSource(owner), atTarget(owner)], [[], []])
  const query = await check('secured', { as: 'clerk', query: 'SELECT a FROM secured' })
  assertFound(atSource(query), /^error query: .*row-level security policy for table "secured"$/)
})

story('triggers and rules that loading would or would not fire', async () => {
  await make('fires', 'a int', 'a int')
  await target.query(`CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`)
  await target.query('CREATE TRIGGER drops BEFORE INSERT ON fires FOR EACH ROW EXECUTE FUNCTION nothing()')
  await target.query('CREATE TRIGGER tells AFTER INSERT ON fires EXECUTE FUNCTION nothing()')
  await target.query('CREATE TRIGGER off BEFORE INSERT ON fires FOR EACH ROW EXECUTE FUNCTION nothing()')
  await target.query('ALTER TABLE fires DISABLE TRIGGER off')
  await target.query('CREATE TRIGGER empties AFTER TRUNCATE ON fires EXECUTE FUNCTION nothing()')
  await target.query('CREATE RULE also AS ON INSERT TO fires DO ALSO SELECT 1')
  assertFound(
    atTarget(await check('fires', { truncate: true })),
    /^warning trigger: BEFORE INSERT trigger "drops" may change or drop rows/,
    /^warning trigger: INSERT trigger "tells" will fire/,
    /^warning rule: INSERT rule "also": COPY does not follow rules/,
    /^warning trigger: TRUNCATE triggers "empties" will fire/,
  )
})

story('foreign keys in both directions', async () => {
  await make('parent', 'id int PRIMARY KEY', 'id int PRIMARY KEY')
  await make('child', 'id int', 'id int REFERENCES parent, self int UNIQUE REFERENCES child (self)')
  await target.query('ALTER TABLE child DROP COLUMN self')
  assertFound(atTarget(await check('child')), /^warning foreign-key: foreign keys refer to "parent"/)
  assert.deepEqual(atTarget(await check('parent')), [])
  assertFound(
    atTarget(await check('parent', { truncate: true })),
    /^error foreign-key: "child" refer to the table/,
  )
})

story('partitions, and what a partitioned table cannot do', async () => {
  await source.query('CREATE TABLE parts (a int) PARTITION BY RANGE (a)')
  await target.query('CREATE TABLE parts (a int) PARTITION BY RANGE (a)')
  const none = await check('parts')
  assertFound(atTarget(none), /^error partitions: the table has no partition/)
  assert.equal(none.copiedFrom, '(SELECT "a" FROM "public"."parts"\n)')
  await target.query('CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (10)')
  assertFound(
    atTarget(await check('parts', { freeze: true, truncate: true })),
    /^note partitions: the table has 1 partition and no default partition/,
    /^error freeze: FREEZE is refused for a partitioned table/,
  )
  await target.query('CREATE TABLE parts2 PARTITION OF parts DEFAULT')
  assertFound(atTarget(await check('parts')), /^note partitions: the table has 2 partitions$/)
  await make('frozen', 'a int', 'a int')
  assertFound(atTarget(await check('frozen', { freeze: true })), /^error freeze: .*add --truncate/)
  assert.deepEqual(atTarget(await check('frozen', { freeze: true, truncate: true })), [])
})

story('kinds that cannot be loaded or read', async () => {
  await source.query('CREATE TABLE kinds AS SELECT 1 AS a')
  await target.query('CREATE VIEW kinds AS SELECT 1 AS a')
  assertFound(
    atTarget(await check('kinds', { truncate: true })),
    /^error kind: public\.kinds is a view without an INSTEAD OF INSERT trigger/,
    /^error truncate: a view cannot be emptied/,
  )
  await target.query(
    'CREATE TRIGGER instead INSTEAD OF INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION nothing()',
  )
  assert.deepEqual(atTarget(await check('kinds')), [])
  await source.query('CREATE SEQUENCE numbers')
  assertFound(atSource(await check('numbers')), /^error kind: .*is no table or view/)
  await source.query('CREATE MATERIALIZED VIEW filled AS SELECT 1 AS a WITH NO DATA')
  assert.match(atSource(await check('filled')).join(), /^error kind: .*was never filled: REFRESH/)
  await source.query('CREATE TABLE heir () INHERITS (kinds)')
  assertFound(atSource(await check('kinds')), /^warning inheritance: 1 table inherits from/)
})

story('sequences, unlogged tables and locks', async () => {
  await source.query('CREATE TABLE drawn (id int, what text)')
  await target.query('CREATE UNLOGGED TABLE drawn (id int GENERATED ALWAYS AS IDENTITY, what text)')
  assertFound(
    atTarget(await check('drawn')),
    /^note sequence: COPY does not move the sequence of "id"/,
    /^note unlogged: /,
    /^warning column-null: column "id"/,
  )
  const [here, there] = [await target.client(), await source.client()]
  try {
    await here.query('BEGIN; LOCK TABLE drawn IN SHARE MODE')
    await there.query('BEGIN; LOCK TABLE drawn IN ACCESS EXCLUSIVE MODE')
    const report = await check('drawn')
    assertFound(atSource(report), /^warning lock: another session holds a lock on the source/)
    assert.match(atTarget(report).join('\n'), /^warning lock: 1 other session holds a lock on the table/m)
    await here.query('ROLLBACK; BEGIN; SELECT FROM drawn')
    assert.doesNotMatch(atTarget(await check('drawn')).join(), /lock/)
    assert.match(atTarget(await check('drawn', { truncate: true })).join(), /lock/)
  } finally {
    await Promise.all([here.end(), there.end()])
  }
})
