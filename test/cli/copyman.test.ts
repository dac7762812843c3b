import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startFleet } from '../support/fleet.js'

const COPYMAN = fileURLToPath(new URL('../../src/cli/copyman.js', import.meta.url))
const fleet = await startFleet(2)
await fleet.everywhere('CREATE TABLE events (id int PRIMARY KEY, what text)')
await fleet.source.query(`INSERT INTO events SELECT i, 'event ' || i FROM generate_series(1, 5000) AS i`)
const [first, second] = fleet.targets.map(({ url }) => url) as [string, string]
const from = fleet.source.url

const run = async (...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> => {
  const child = spawn(process.execPath, [COPYMAN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const status = await new Promise<number>((resolve) => child.once('close', resolve))
  return { status, stdout, stderr }
}

test('one command copies a table into two servers, and again after TRUNCATE', async () => {
  for (const format of ['text', 'csv', 'binary']) {
    const { status, stdout, stderr } = await run(
      'copy',
      '--from',
      from,
      '--table',
      'public.events',
      '--to',
      first,
      '--to',
      second,
      '--truncate',
      '--format',
      format,
    )
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.match(stdout, /^5000 rows, \d+ bytes in [\d.]+ s\ntarget 1: committed\ntarget 2: committed\n$/)
    await fleet.assertEqual('events')
  }
})

test('--json prints a summary, and exit status 3 says that some targets are loaded', async () => {
  await fleet.targets[1]?.query('CREATE TABLE few (id int)')
  const { status, stdout, stderr } = await run(
    'copy',
    '--from',
    from,
    '--query',
    'SELECT 7',
    '--to-table',
    'few',
    '--to',
    first,
    '--to',
    second,
    '--json',
  )
  assert.equal(status, 3)
  assert.match(stderr, /copyman: target 1: relation "few" does not exist/)
  const summary = JSON.parse(stdout)
  assert.deepEqual(
    { type: summary.type, ok: summary.ok, rows: summary.rows },
    { type: 'summary', ok: false, rows: 1 },
  )
  assert.deepEqual(
    summary.receivers.map(({ state }: { state: string }) => state),
    ['dropped', 'committed'],
  )
})

test('exit status 1 says that nothing was loaded, 2 that the call was wrong, and no stack trace is shown', async () => {
  const failed = await run('copy', '--from', from, '--table', 'missing', '--to', first)
  assert.deepEqual({ status: failed.status, stdout: failed.stdout }, { status: 1, stdout: '' })
  assert.match(
    failed.stderr,
    /^copyman: the copy failed: the producer failed: relation "missing" does not exist\n$/,
  )
  const wrongs: [string[], RegExp][] = [
    [[], /the command is "copy"/],
    [['copy', '--to', first, '--table', 'events'], /--from is missing/],
    [['copy', '--from', from, '--table', 'events'], /--to is missing/],
    [['copy', '--from', from, '--to', first], /give either --table or --query/],
    [['copy', '--from', from, '--to', first, '--query', 'SELECT 1'], /--query needs --to-table/],
    [
      ['copy', '--from', from, '--to', first, '--table', 'x'.repeat(64)],
      /--table: each part of a table name has 1 to 63 bytes/,
    ],
    [
      ['copy', '--from', from, '--to', first, '--table', 'events', '--format', 'xml'],
      /--format must be one of text, csv, binary/,
    ],
    [
      ['copy', '--from', from, '--to', first, '--table', 'events', '--on-fault', 'ignore'],
      /--on-fault must be isolate or abort/,
    ],
    [['copy', '--from', 'nonsense', '--to', first, '--table', 'events'], /from\.connection is not a URL/],
    [['copy', '--frm', from], /Unknown option '--frm'/],
  ]
  for (const [args, text] of wrongs) {
    const { status, stdout, stderr } = await run(...args)
    assert.deepEqual({ status, stdout }, { status: 2, stdout: '' }, args.join(' '))
    assert.match(stderr, text)
    assert.doesNotMatch(stderr, /\n {4}at /)
  }
})

test('Ctrl-C aborts in an orderly way: nothing is loaded, exit status 130', async () => {
  await fleet.targets[0]?.query('CREATE TABLE slow (id int)')
  const child = spawn(process.execPath, [
    COPYMAN,
    'copy',
    '--from',
    from,
    '--query',
    'SELECT 1 FROM generate_series(1, 1000000000)',
    '--to-table',
    'slow',
    '--to',
    first,
  ])
  const closed = new Promise((resolve) => child.once('close', resolve))
  let copying = 0
  while (copying === 0)
    copying =
      (await fleet.targets[0]?.query(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY "slow"%'`))
        ?.length ?? 1
  child.kill('SIGINT')
  assert.equal(await closed, 130)
  await fleet.assertNoConnections()
  assert.deepEqual(await fleet.targets[0]?.query('SELECT count(*)::int AS rows FROM slow'), [{ rows: 0 }])
})
