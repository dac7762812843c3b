import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'
import { ended, run, runProcess, start } from './command.js'

const hasZstd = 'createZstdCompress' in zlib
const fleet = await startFleet(1)
await fleet.everywhere('CREATE TABLE events (id int PRIMARY KEY, what text, at timestamptz)')
await fleet.source.query(
  `INSERT INTO events SELECT i, 'event "' || i || E'"\\n, and \\\\ more', now() FROM generate_series(1, 20000) AS i`,
)
const from = fleet.source.url
const target = fleet.targets[0]?.url as string
const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
after(() => rm(folder, { recursive: true }))
const at = (name: string): string => join(folder, name)

story('a table goes through files of every format and compression and comes out the same', async () => {
  const names = ['events.copy', 'events.csv', 'events.csv.gz', 'events.bin', 'events.copy.gz']
  if (hasZstd) names.push('events.copy.zst')
  for (const name of names) {
    const format = name === 'events.bin' ? ['--format', 'binary'] : []
    const written = await run([
      'copy',
      '--from',
      from,
      '--table',
      'events',
      '--to',
      `file:${at(name)}`,
      ...format,
    ])
    assert.deepEqual({ status: written.status, stderr: written.stderr }, { status: 0, stderr: '' }, name)
    assert.match(written.stdout, /^20,000 rows, /)
    const why =
      format.length > 0
        ? 'it was asked for'
        : /csv/.test(name)
          ? `the name of ${at(name)} says so`
          : 'a file is text unless its name or --format says otherwise'
    assert.match(written.stdout, new RegExp(`^  as (csv|text|binary), since ${why}$`, 'm'))
    assert.ok(written.stdout.endsWith(`  ${at(name)}  completed\n`), written.stdout)
    const loaded = await run([
      'copy',
      '--file',
      at(name),
      '--to',
      `${target}#events`,
      '--truncate',
      ...format,
    ])
    assert.deepEqual({ status: loaded.status, stderr: loaded.stderr }, { status: 0, stderr: '' }, name)
    assert.match(loaded.stdout, /^20,000 rows, /)
    await fleet.assertEqual('events')
  }
  assert.deepEqual((await readdir(folder)).sort(), names.sort())
  assert.equal((await readFile(at('events.csv.gz'))).readUInt16BE(), 0x1f8b)
})

story(
  'gzip is known by its content, standard input is a file, and --header has the names of the columns',
  async () => {
    const csv = await run([
      'copy',
      '--from',
      from,
      '--table',
      'events',
      '--to',
      `file:${at('head.csv')}`,
      '--header',
    ])
    assert.equal(csv.status, 0, csv.stderr)
    const text = await readFile(at('head.csv'))
    assert.ok(text.subarray(0, 11).equals(Buffer.from('id,what,at\n')))
    for (const input of [text, zlib.gzipSync(text)]) {
      const args = ['copy', '--file', '-', '--to', `${target}#events`, '--truncate', '--header']
      const { status, stderr } = await runProcess(args, { input })
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
      await fleet.assertEqual('events')
    }
  },
)

story('an empty file and an empty table are copied like any other', async () => {
  await writeFile(at('empty.copy'), '')
  const loaded = await run(['copy', '--file', at('empty.copy'), '--to', `${target}#events`, '--truncate'])
  assert.deepEqual({ status: loaded.status, stderr: loaded.stderr }, { status: 0, stderr: '' })
  const written = await run(['copy', '--from', target, '--table', 'events', '--to', `file:${at('none.csv')}`])
  assert.deepEqual({ status: written.status, stderr: written.stderr }, { status: 0, stderr: '' })
  assert.equal((await readFile(at('none.csv'))).length, 0)
})

story('a file that is cut, or is no gzip, loads nothing and is named', async () => {
  await fleet.targets[0]?.query('TRUNCATE events; INSERT INTO events VALUES (-1)')
  const packed = zlib.gzipSync(Buffer.from('1\ta\t\\N\n2\tb\t\\N\n'))
  await writeFile(at('cut.copy.gz'), packed.subarray(0, packed.length - 9))
  await writeFile(at('not.copy.gz'), '1\ta\t\\N\n')
  for (const [name, text] of [
    ['cut.copy.gz', /cut\.copy\.gz: unexpected end of file/],
    ['not.copy.gz', /not\.copy\.gz: incorrect header check/],
  ] as const) {
    const { status, stderr } = await run(['copy', '--file', at(name), '--to', `${target}#events`])
    assert.equal(status, 1)
    assert.match(stderr, text)
    assert.match(stderr, /copyman: nothing is loaded\n$/)
  }
  assert.deepEqual(await fleet.targets[0]?.query('SELECT id FROM events'), [{ id: -1 }])
})

story('a copy that fails leaves no new file, and an older file of the same name stays', async () => {
  await mkdir(at('kept'))
  const path = join(at('kept'), 'events.copy')
  await writeFile(path, 'as it was')
  const query = `SELECT 1 / (10000 - i) FROM generate_series(1, 20000) AS i`
  const failed = await run(['copy', '--from', from, '--query', query, '--to', `file:${path}`])
  assert.equal(failed.status, 1)
  assert.match(failed.stderr, /division by zero/)
  await fleet.targets[0]?.query('TRUNCATE events; INSERT INTO events VALUES (7)')
  const both = ['--to', `file:${path}`, '--to', target, '--on-fault', 'abort']
  const aborted = await run(['copy', '--from', from, '--table', 'events', ...both])
  assert.equal(aborted.status, 1)
  assert.deepEqual(await readdir(at('kept')), ['events.copy'])
  assert.equal(await readFile(path, 'utf8'), 'as it was')
})

story('a missing folder is a fault of that target only; a special file is written directly', async () => {
  const missing = join(folder, 'no', 'such', 'events.copy')
  const some = ['--to', `file:${missing}`, '--to', target, '--truncate']
  const { status, stderr } = await run(['copy', '--from', from, '--table', 'events', ...some])
  assert.equal(status, 3)
  assert.match(stderr, /no\/such\/events\.copy: .*ENOENT/)
  await fleet.assertEqual('events')
  const special = await run(['copy', '--from', from, '--query', 'SELECT 1, 2', '--to', 'file:/dev/null'])
  assert.deepEqual({ status: special.status, stderr: special.stderr }, { status: 0, stderr: '' })
})

story('file:- is standard output: then the summary is on stderr', async () => {
  const { status, stdout, stderr } = await runProcess([
    'copy',
    '--from',
    from,
    '--query',
    'SELECT 1, 2',
    '--to',
    'file:-',
  ])
  assert.deepEqual({ status, stdout }, { status: 0, stdout: '1\t2\n' })
  assert.match(stderr, /^1 row, 4 B in /)
  const both = await runProcess(['copy', '--from', from, '--query', 'SELECT 1', '--to', 'file:-', '--json'])
  assert.equal(both.status, 2)
  assert.match(both.stderr, /--json and --to file:- both print on standard output/)
})

story(
  'zstd where this Node has none is refused in words',
  {
    skip: hasZstd && 'this Node has zstd',
  },
  async () => {
    const written = await run([
      'copy',
      '--from',
      from,
      '--table',
      'events',
      '--to',
      `file:${at('x.copy.zst')}`,
    ])
    assert.equal(written.status, 2)
    assert.match(
      written.stderr,
      /this Node \(v[\d.]+\) has no zstd; use Node 22\.15 or newer, gzip, or the zstd program/,
    )
    await writeFile(at('x.copy'), Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0]))
    const read = await run(['copy', '--file', at('x.copy'), '--to', `${target}#events`])
    assert.match(read.stderr, /has no zstd/)
    assert.ok(read.status === 1 || read.status === 2)
  },
)

story('a configuration file in JSON or YAML has everything, with a password that shows nowhere', async () => {
  const secret = 'canary-91c2'
  const url = new URL(target)
  url.password = secret
  const settings = {
    from,
    table: 'events',
    truncate: true,
    'on-fault': 'abort',
    to: [{ name: 'Ada', connection: url.href }],
  }
  await writeFile(at('copy.json'), JSON.stringify(settings))
  const yaml = `# nightly\nfrom: ${from}\ntable: events\ntruncate: true\nonFault: abort\nto:\n  - { name: Ada, connection: "${url.href}" }\n  - file:${at('yaml.csv')}\n`
  await writeFile(at('copy.yaml'), yaml)
  for (const name of ['copy.json', 'copy.yaml']) {
    const { status, stdout, stderr } = await run(['copy', '--config', at(name)])
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.match(stdout, / {2}Ada +committed {2}20,000 rows\n/)
    assert.ok(!stdout.includes(secret))
    await fleet.assertEqual('events')
  }
  assert.ok((await readFile(at('yaml.csv'))).length > 20_000)
  const flag = await run([
    'copy',
    '--config',
    at('copy.json'),
    '--query',
    'SELECT 1, NULL, NULL',
    '--to',
    `${target}#events`,
  ])
  assert.equal(flag.status, 0, flag.stderr)
  assert.match(flag.stdout, /^1 row, /)
})

story(
  'a password in an argument is warned about once, scrubbed from the process list, and shown nowhere',
  async () => {
    const secret = 'canary-55e8'
    const url = new URL(target)
    url.password = secret
    const slow = 'SELECT i, pg_sleep(0.01)::text, now() FROM generate_series(1, 100000) AS i'
    const child = start(['copy', '--from', from, '--query', slow, '--to', `${url.href}#events`])
    const end = ended(child)
    const list = process.platform === 'linux' ? `/proc/${child.pid}/cmdline` : undefined
    const shown = async (): Promise<string> =>
      list === undefined
        ? (await promisify(execFile)('ps', ['-o', 'args=', '-p', String(child.pid)])).stdout
        : readFile(list, 'utf8')
    let copying: unknown[] = []
    while (copying.length === 0 && child.exitCode === null)
      copying =
        (await fleet.targets[0]?.query(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY "events"%'`)) ??
        []
    const seen = await shown()
    child.kill('SIGTERM')
    const { status, stdout, stderr } = await end
    assert.equal(status, 143)
    assert.match(seen, /copyman copy --from/)
    for (const text of [seen, stdout, stderr]) assert.ok(!text.includes(secret), text)
    assert.equal(stderr.match(/can see a password in an argument/g)?.length, 1)
  },
)
