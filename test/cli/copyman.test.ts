import assert from 'node:assert/strict'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'
import { linesOf, run } from './command.js'

const ROWS = 5000
const fleet = await startFleet(2)
await fleet.everywhere(`CREATE TABLE events (id int PRIMARY KEY, what text);
  CREATE SCHEMA "Odd.schema";
  CREATE TABLE "Odd.schema"."My ""Events""" (LIKE events)`)
await fleet.source.query(`INSERT INTO events SELECT i, 'event ' || i FROM generate_series(1, ${ROWS}) AS i;
  INSERT INTO "Odd.schema"."My ""Events""" SELECT * FROM events;
  CREATE VIEW seen AS SELECT * FROM events;
  CREATE TABLE parted (LIKE events) PARTITION BY RANGE (id);
  CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
  CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
  INSERT INTO parted SELECT * FROM events`)
const [first, second] = fleet.targets.map(({ url }) => url) as [string, string]
const from = fleet.source.url
const EVENTS = ['copy', '--from', from, '--table', 'events']
const BOTH = ['--to', first, '--to', second]
const nameOf = (url: string): string => new URL(url).host + new URL(url).pathname
const tableOf = async (sql: string): Promise<unknown[]> => (await fleet.targets[0]?.query(sql)) ?? []
const [firstName, secondName] = [nameOf(first), nameOf(second)]

story(
  'one command copies a table into two servers, and again after --truncate, in every format',
  async () => {
    for (const format of ['auto', 'text', 'csv', 'binary']) {
      const { status, stdout, stderr } = await run([...EVENTS, ...BOTH, '--truncate', '--format', format])
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
      assert.match(stdout, /^5,000 rows, [\d.]+ KiB in [\d.]+ s, [\d.]+ [KM]iB\/s\n/)
      assert.ok(
        stdout.endsWith(`  ${firstName}  committed  5,000 rows\n  ${secondName}  committed  5,000 rows\n`),
      )
      await fleet.assertEqual('events')
    }
  },
)

story(
  'views, partitioned tables and queries are sources, and a table may be named after the URL',
  async () => {
    const sources = [
      ['--table', 'seen'],
      ['--table', 'parted'],
      ['--query', 'SELECT * FROM events -- all of them'],
      ['--query', 'TABLE events;'],
    ]
    for (const source of sources) {
      const targets = ['--to', `${first}#public.events`, '--to', second, '--to-table', 'events']
      const { status, stderr } = await run(['copy', '--from', from, ...source, ...targets, '--truncate'])
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' }, source.join(' '))
      await fleet.assertEqual('events')
    }
  },
)

story('each part of a name is quoted: dots, capitals and quotes in it are its own', async () => {
  const name = '"Odd.schema"."My ""Events"""'
  const fragment = `#${encodeURIComponent(name)}`
  const { status, stderr } = await run([
    'copy',
    '--from',
    from,
    '--table',
    name,
    '--to',
    first,
    '--to',
    `${second}${fragment}`,
  ])
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  await fleet.assertEqual(name)
})

story(
  "before, truncate, freeze, analyze and after run in the target's transaction, in that order",
  async () => {
    await fleet.everywhere(`CREATE TABLE steps (n int GENERATED ALWAYS AS IDENTITY, what text, rows bigint)`)
    const note = (what: string): string =>
      `INSERT INTO steps (what, rows) SELECT '${what}', count(*) FROM events`
    await fleet.targets[0]?.query(`TRUNCATE events; INSERT INTO events VALUES (-1)`)
    const { status, stderr } = await run([
      ...EVENTS,
      '--to',
      first,
      '--truncate',
      '--freeze',
      '--analyze',
      '--before',
      note('before'),
      '--before',
      note('and before'),
      '--after',
      note('after'),
    ])
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.deepEqual(await fleet.targets[0]?.query(`SELECT what, rows::int FROM steps ORDER BY n`), [
      { what: 'before', rows: 1 },
      { what: 'and before', rows: 1 },
      { what: 'after', rows: ROWS },
    ])
    const [table] = await tableOf(
      `SELECT reltuples::int AS rows, relallvisible > 0 AS frozen FROM pg_class WHERE relname = 'events'`,
    )
    assert.deepEqual(table, { rows: ROWS, frozen: true })
  },
)

story(
  'exit status 3 says that some targets are loaded, with the fault, what to do, and a summary',
  async () => {
    await fleet.targets[1]?.query('CREATE TABLE few (id int)')
    const query = ['copy', '--from', from, '--query', 'SELECT 7', '--to-table', 'few', ...BOTH, '--no-check']
    const people = await run(query)
    assert.equal(people.status, 3)
    assert.match(
      people.stderr,
      new RegExp(`^copyman: ${firstName}: relation "few" does not exist \\(SQLSTATE 42P01\\)\n`),
    )
    assert.match(people.stderr, /\n {4}create the table first, e\.g\. pipe pg_dump --schema-only/)
    assert.ok(people.stderr.endsWith(`copyman: 1 of 2 targets is loaded: ${secondName}\n`))
    assert.match(people.stdout, new RegExp(`\n  ${firstName}  dropped\n  ${secondName}  committed  1 row\n$`))

    const programs = await run([...query, '--json'])
    assert.equal(programs.status, 3)
    const lines = linesOf(programs)
    const fault = lines.find(({ type }) => type === 'fault')
    assert.deepEqual(
      { receiver: fault?.receiver, code: fault?.code, sqlState: fault?.sqlState, phase: fault?.phase },
      { receiver: firstName, code: 'COPY_SERVER', sqlState: '42P01', phase: 'start' },
    )
    const summary = lines.at(-1) as Record<string, unknown> & { receivers: Record<string, unknown>[] }
    assert.deepEqual(
      { type: summary.type, ok: summary.ok, rows: summary.rows, messages: summary.messages },
      { type: 'summary', ok: false, rows: 1, messages: 1 },
    )
    assert.deepEqual(
      summary.receivers.map(({ name, state, rows }) => ({ name, state, rows })),
      [
        { name: firstName, state: 'dropped', rows: null },
        { name: secondName, state: 'committed', rows: 1 },
      ],
    )
  },
)

story('exit status 1 says that nothing is loaded: a source that fails, or --on-fault abort', async () => {
  const source = await run(['copy', '--from', from, '--table', 'missing', '--to', first, '--no-check'])
  assert.deepEqual(source, {
    status: 1,
    stdout: '',
    stderr:
      'copyman: source: relation "missing" does not exist (SQLSTATE 42P01)\ncopyman: nothing is loaded\n',
  })
  await fleet.targets[0]?.query('TRUNCATE events; INSERT INTO events VALUES (3)')
  await fleet.targets[1]?.query('TRUNCATE events')
  const abort = await run([...EVENTS, ...BOTH, '--on-fault', 'abort'])
  assert.deepEqual({ status: abort.status, stdout: abort.stdout }, { status: 1, stdout: '' })
  assert.match(
    abort.stderr,
    new RegExp(
      `^copyman: ${firstName}: duplicate key .*\\(SQLSTATE 23505\\)\n    Key \\(id\\)=\\(3\\) already exists\\.\n    COPY events, line 3\ncopyman: nothing is loaded\n$`,
    ),
  )
  assert.deepEqual(await fleet.targets[1]?.query('SELECT count(*)::int AS rows FROM events'), [{ rows: 0 }])
})

story(
  'a missing server, a wrong password and a missing privilege are reported in words, with status 1',
  async () => {
    const gone = await run([...EVENTS, '--to', 'postgres://127.0.0.1:1/app', '--no-check'])
    assert.equal(gone.status, 1)
    assert.match(
      gone.stderr,
      /ECONNREFUSED.*\n {4}no server answers there: is it running, and is the port right\?\n/,
    )
    const source = await run([
      'copy',
      '--from',
      'postgres://127.0.0.1:1/app',
      '--table',
      'events',
      '--to',
      first,
      '--json',
    ])
    assert.equal(source.status, 1)
    assert.deepEqual(
      linesOf(source).map(({ type, ok }) => ({ type, ok })),
      [
        { type: 'fault', ok: undefined },
        { type: 'summary', ok: false },
      ],
    )
    await fleet.targets[0]?.query('CREATE ROLE reader LOGIN')
    const url = new URL(first)
    url.username = 'reader'
    const refused = await run([...EVENTS, '--to', url.href, '--no-check'])
    assert.equal(refused.status, 1)
    assert.match(
      refused.stderr,
      /permission denied for table events \(SQLSTATE 42501\)\n {4}copyman needs SELECT/,
    )
  },
)

story('--dry-run says what would be done, and does nothing', async () => {
  await fleet.targets[0]?.query('TRUNCATE events; INSERT INTO events VALUES (3)')
  const flags = ['--to', first, '--truncate', '--after', 'SELECT 1', '--dry-run', '--no-check']
  const { status, stdout } = await run([...EVENTS, ...flags])
  assert.equal(status, 0)
  assert.match(stdout, /^Would read COPY "events" TO STDOUT \(FORMAT text\).*\nWould send text, since /)
  assert.ok(
    stdout.endsWith(`Would load ${firstName}, in one transaction:
  TRUNCATE "events";
  COPY "events" FROM STDIN (FORMAT text);
  SELECT 1;
If one fails, the others go on. Nothing was changed.
`),
    stdout,
  )
  const [plan] = linesOf(await run([...EVENTS, ...flags, '--json']))
  assert.equal(plan?.type, 'plan')
  assert.deepEqual(await fleet.targets[0]?.query('SELECT id FROM events'), [{ id: 3 }])
})

story(
  '--quiet prints nothing on success; what servers say is printed without it, escaped, and not for ever',
  async () => {
    const quiet = await run([...EVENTS, ...BOTH, '--truncate', '--quiet'])
    assert.deepEqual(quiet, { status: 0, stdout: '', stderr: '' })
    await fleet.targets[0]?.query(`CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE NOTICE '%', 'row ' || NEW.id || E'\\u001b[31m \\u202e\\nsecond line'; RETURN NEW; END $$;
    CREATE TRIGGER shout BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION shout()`)
    try {
      const loud = await run([...EVENTS, '--to', first, '--truncate'])
      assert.equal(loud.status, 0)
      const notices = loud.stderr.split('\n').filter((line) => line.includes('NOTICE'))
      assert.equal(notices[0], `copyman: ${firstName}: NOTICE: row 1\ufffd[31m \\u202e second line`)
      assert.equal(notices.length, 20)
      assert.match(loud.stderr, /further notices are not shown/)
      assert.doesNotMatch(loud.stderr, /\u001b|\u202e/)
      const silent = await run([...EVENTS, '--to', first, '--truncate', '--quiet'])
      assert.equal(silent.stderr, '')
      const json = linesOf(await run([...EVENTS, '--to', first, '--truncate', '--json']))
      const notice = json.find(({ type }) => type === 'notice')
      assert.deepEqual(
        { receiver: notice?.receiver, severity: notice?.severity },
        { receiver: firstName, severity: 'NOTICE' },
      )
    } finally {
      await fleet.targets[0]?.query('DROP TRIGGER shout ON events')
    }
  },
)

story('--atomicity each commits what is complete, whatever becomes of the others', async () => {
  await fleet.targets[0]?.query('TRUNCATE events; INSERT INTO events VALUES (3)')
  await fleet.targets[1]?.query('TRUNCATE events')
  const { status, stderr } = await run([...EVENTS, ...BOTH, '--atomicity', 'each'])
  assert.equal(status, 3, stderr)
  assert.ok(stderr.endsWith(`copyman: 1 of 2 targets is loaded: ${secondName}\n`))
})

story(
  'a target that would fail is left out before the copy under isolate, and nothing starts under abort',
  async () => {
    await fleet.targets[1]?.query('CREATE TABLE lonely (id int, what text)')
    await fleet.source.query('CREATE TABLE lonely AS SELECT 1 AS id, NULL::text AS what')
    const args = ['copy', '--from', from, '--table', 'lonely', ...BOTH, '--truncate']
    const isolated = await run([...args, '--json'])
    assert.equal(isolated.status, 3, isolated.stderr)
    assert.match(isolated.stderr, new RegExp(`copyman: ${firstName}: .*lonely does not exist.*pg_dump -s`))
    const lines = linesOf(isolated)
    assert.deepEqual(
      lines.filter(({ type }) => type === 'fault').map(({ receiver, code }) => ({ receiver, code })),
      [{ receiver: firstName, code: 'COPY_CHECK' }],
    )
    const summary = lines.at(-1) as { format: string; receivers: { name: string; state: string }[] }
    assert.equal(summary.format, 'binary')
    assert.deepEqual(
      summary.receivers.map(({ name, state }) => ({ name, state })),
      [
        { name: firstName, state: 'dropped' },
        { name: secondName, state: 'committed' },
      ],
    )

    await fleet.targets[1]?.query('TRUNCATE lonely; INSERT INTO lonely VALUES (5)')
    const aborted = await run([...args, '--on-fault', 'abort'])
    assert.equal(aborted.status, 1)
    assert.match(aborted.stderr, /pg_dump -s[\s\S]*nothing is loaded\n$/)
    assert.deepEqual(await fleet.targets[1]?.query('SELECT id FROM lonely'), [{ id: 5 }])
    const dry = await run([...args, '--dry-run'])
    assert.equal(dry.status, 1)
    assert.match(dry.stdout, /Would send binary, since /)
  },
)

story('the summary says by which format rows were sent, and why: text where types differ', async () => {
  await fleet.everywhere('CREATE TABLE mixed (id bigint)')
  await fleet.targets[1]?.query('ALTER TABLE mixed ALTER id TYPE int')
  await fleet.source.query('INSERT INTO mixed VALUES (1)')
  const { status, stdout } = await run(['copy', '--from', from, '--table', 'mixed', ...BOTH])
  assert.equal(status, 0)
  assert.match(stdout, /\n {2}as text, since .*id/)
  const same = await run(['copy', '--from', from, '--table', 'mixed', '--to', first])
  assert.match(same.stdout, /\n {2}as binary, since /)
})

story('the same server under another name is found by the check: exit status 2', async () => {
  const alias = new URL(from)
  alias.hostname = 'localhost'
  const { status, stderr } = await run([...EVENTS, '--to', alias.href])
  assert.equal(status, 2)
  assert.match(stderr, /this is the source/)
})

story('check reports what would fail at all targets, changes nothing, and has an exit status', async () => {
  const args = ['check', '--from', from, '--table', 'events', ...BOTH, '--truncate']
  const well = await run(args)
  assert.equal(well.status, 0, well.stdout + well.stderr)
  assert.match(well.stdout, /All is well: 2 targets can be loaded/)
  const ill = await run(['check', '--from', from, '--table', 'seen', ...BOTH])
  assert.equal(ill.status, 1)
  assert.match(ill.stdout, /0 of 2 targets can be loaded/)
  const [line] = linesOf(await run([...args, '--json']))
  assert.deepEqual({ type: line?.type, ok: line?.ok }, { type: 'check', ok: true })
})
