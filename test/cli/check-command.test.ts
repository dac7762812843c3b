import assert from 'node:assert/strict'
import { type CheckCommandOptions, checkCommand } from '../../src/cli/check/check-command.js'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'

const password = 'canary-Report7'
const fleet = await startFleet(2, { password, settings: { autovacuum: 'off' } })
const { source, targets } = fleet
await fleet.everywhere('CREATE TABLE events (id int PRIMARY KEY, what text, at timestamptz)')
await source.query(`INSERT INTO events SELECT i, 'event ' || i, now() FROM generate_series(1, 5000) AS i`)
await source.query('ANALYZE events')

const run = async (
  more: Partial<CheckCommandOptions> = {},
): Promise<{ status: number; text: string; lines: string[] }> => {
  let text = ''
  const status = await checkCommand({
    source: { connection: source.url, table: '"events"' },
    targets: targets.map(({ url }, i) => ({ name: `t${i + 1}`, connection: url, table: '"events"' })),
    format: 'auto',
    print: (printed) => {
      text += `${printed}\n`
    },
    ...more,
  })
  assert.doesNotMatch(text, new RegExp(password))
  return { status, text, lines: text.split('\n') }
}

story('one table of all ends, the format and why, the size and time; exit status 0', async () => {
  const { status, lines } = await run()
  assert.equal(status, 0)
  const version = String.raw`\d+\.\d+`
  const [head, ...rest] = lines
  assert.match(
    head ?? '',
    /^ +server +version +table +columns +rights +encoding +RLS +triggers +free +result$/,
  )
  const place = String.raw`127\.0\.0\.1:\d+/postgres`
  const expected = [
    `^source +${place} +${version} +table +3 +ok +UTF8 +no +- +\\d+ +ok$`,
    `^t1 +${place} +${version} +table +ok +ok +UTF8 +no +0 +\\d+ +ok$`,
    `^t2 +${place} +${version} +table +ok +ok +UTF8 +no +0 +\\d+ +ok$`,
    '^$',
    '^Format: binary, since both targets have the same types in the same columns\\.$',
    '^Size: about 5,000 rows, \\d+ KiB; less than 1 s if nothing is in the way\\. These are guesses\\.$',
    '^All is well: 2 targets can be loaded\\.$',
    '^$',
  ]
  assert.equal(rest.length, expected.length, rest.join('\n'))
  expected.forEach((pattern, i) => {
    assert.match(rest[i] ?? '', new RegExp(pattern))
  })
  // each column begins where its head does
  assert.equal(rest[0]?.indexOf('UTF8'), head?.indexOf('encoding'))
})

story(
  'everything that would fail, for all targets; exit status 1, and 2 when the call is wrong',
  async () => {
    const [first, second] = targets
    await first?.query('CREATE TABLE other (id int, missing_there text NOT NULL)')
    const { status, text } = await run({
      targets: [
        { name: 'dead', connection: 'postgres://x:hidden@127.0.0.1:1/x', table: '"events"' },
        { name: 'wrong', connection: first?.url.replace(password, 'guess') ?? '', table: '"events"' },
        { name: 'other', connection: first?.url ?? '', table: '"other"' },
        { name: 'nothing', connection: second?.url ?? '', table: '"nothing"' },
        { name: 'good', connection: second?.url ?? '', table: '"events"' },
      ],
    })
    assert.equal(status, 1)
    assert.match(text, /^dead +127\.0\.0\.1:1\/x +- .*1 error$/m)
    assert.match(text, /^dead: error: cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED/m)
    assert.match(text, /^wrong: error: .*password authentication failed for user "postgres"/m)
    assert.match(text, /^other: error: column "what" \(text\) is missing here/m)
    assert.match(text, /^other: error: column "missing_there" \(text\) is NOT NULL/m)
    assert.match(text, /^nothing +\S+ +\S+ +missing +- .*1 error$/m)
    assert.match(
      text,
      /^nothing: error: table nothing does not exist\. To make it: psql -d postgres:\/\/postgres@/m,
    )
    assert.match(text, /^good .* ok$/m)
    assert.match(text, /^1 of 5 targets can be loaded\.$/m)
    assert.doesNotMatch(text, /hidden|guess\b|All is well/)
    const twice = await run({
      targets: [1, 2].map((i) => ({ name: `t${i}`, connection: first?.url ?? '', table: '"events"' })),
    })
    assert.equal(twice.status, 2)
  },
)

story('--json is one line for programs, --quiet says nothing when all is well', async () => {
  const { status, lines } = await run({ json: true })
  assert.equal(status, 0)
  assert.equal(lines.length, 2)
  const report = JSON.parse(lines[0] ?? '')
  assert.deepEqual(
    { ...report, source: undefined, targets: undefined, bytes: undefined, seconds: undefined },
    {
      type: 'check',
      ok: true,
      format: 'binary',
      why: 'both targets have the same types in the same columns',
      rows: 5000,
      source: undefined,
      targets: undefined,
      bytes: undefined,
      seconds: undefined,
    },
  )
  assert.ok(report.bytes > 50_000 && report.bytes < 5_000_000 && report.seconds > 0)
  assert.deepEqual(report.targets[1], {
    ...report.source,
    name: 't2',
    server: report.targets[1].server,
    columns: '"id", "what", "at"',
  })
  assert.deepEqual(
    [report.source.table, report.source.kind, report.source.pooler],
    ['public.events', 'r', 'none'],
  )
  assert.equal((await run({ quiet: true })).text, '')
  assert.match((await run({ quiet: true, freeze: true })).text, /add --truncate/)
})

story('text of a server cannot move a cursor, nor pass for a line of ours', async () => {
  const name = 'e\u001b[2Jv\nil\u202e'
  for (const server of fleet.all) {
    await server.query(`CREATE TABLE evil (id int)`)
    if (server !== targets[1]) await server.query(`ALTER TABLE evil ADD "${name}" int`)
  }
  const { text } = await run({
    source: { connection: source.url, table: '"evil"' },
    targets: targets.map(({ url }, i) => ({ name: `t${i + 1}`, connection: url, table: '"evil"' })),
  })
  assert.match(text, /^t2: error: column "e\\x1b\[2Jv il\\u202e" \(integer\) is missing here/m)
  const json = await run({
    source: { connection: source.url, table: '"evil"' },
    targets: targets.map(({ url }, i) => ({ name: `t${i + 1}`, connection: url, table: '"evil"' })),
    json: true,
  })
  assert.ok(JSON.parse(json.text).targets[1].findings[0].message.includes(name))
  for (const printed of [text, json.text]) assert.doesNotMatch(printed, /[\u0000-\u0009\u000b-\u001f\u202e]/)
})

story('an illegal connection is refused before any other is opened', async () => {
  await assert.rejects(
    run({
      targets: [{ name: 't', connection: 'postgres://u:hidden@host:99999/x', table: '"events"' }],
    }),
    ({ code, message }: Error & { code: string }) =>
      code === 'COPY_OPTION' && message.startsWith('--to t') && !message.includes('hidden'),
  )
})

story('a check changes nothing: it uses no transaction id, and leaves no connection', async () => {
  const state = (): Promise<unknown[]> =>
    Promise.all(
      fleet.all.map((server) =>
        server.query(
          'SELECT (SELECT count(*) FROM pg_class) AS relations, pg_snapshot_xmax(pg_current_snapshot()) AS next',
        ),
      ),
    )
  const before = await state()
  await run({ truncate: true, freeze: true })
  const after = await state()
  assert.deepEqual(after, before)
})
