import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from './command.js'

// nothing listens there: what is refused is refused before anything is connected
const FROM = 'postgres://127.0.0.1:1/app'
const TO = 'postgres://127.0.0.1:2/app'
const COPY = ['copy', '--from', FROM, '--table', 'events', '--to', TO]
const SECRET = 'canary-7f3a'

const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
after(() => rm(folder, { recursive: true }))

/** Runs it and expects status 2, nothing on stdout, one sentence and where to look, no stack trace. */
const assertRefused = async (args: readonly string[], text: RegExp): Promise<void> => {
  const { status, stdout, stderr } = await run(args)
  assert.deepEqual({ status, stdout }, { status: 2, stdout: '' }, `${args.join(' ')}: ${stderr}`)
  assert.match(stderr, text)
  assert.match(stderr, /See copyman help( copy)?\.\n$/)
  assert.doesNotMatch(stderr, /\n {4}at |this should not happen/)
  assert.ok(!stderr.includes(SECRET), stderr)
}

const TYPOS: readonly (readonly [typo: string, flag: string])[] = [
  ['--frm', '--from'],
  ['--tabel', '--table'],
  ['--qery', '--query'],
  ['--fiel', '--file'],
  ['--too', '--to'],
  ['--totable', '--to-table'],
  ['--fromat', '--format'],
  ['--heder', '--header'],
  ['--trunctae', '--truncate'],
  ['--freez', '--freeze'],
  ['--befor', '--before'],
  ['--aftr', '--after'],
  ['--analyse', '--analyze'],
  ['--onfault', '--on-fault'],
  ['--retries', '--retry'],
  ['--atomicty', '--atomicity'],
  ['--lagg', '--lag'],
  ['--confg', '--config'],
  ['--nocheck', '--no-check'],
  ['--dryrun', '--dry-run'],
  ['--jsn', '--json'],
  ['--quite', '--quiet'],
]

test('a typo in each flag is refused with the flag that was meant, also with its value after =', async () => {
  const refuse = ([typo, flag]: readonly [string, string]): Promise<void> =>
    assertRefused(
      ['copy', typo, 'x'],
      new RegExp(`unknown option '${typo}'; did you mean (one of )?[^\\n]*${flag}[,?]`),
    )
  await Promise.all(TYPOS.map(refuse))
  await assertRefused(
    ['copy', `--frm=postgres://ann:${SECRET}@db1/app`],
    /unknown option '--frm'; did you mean --from\?/,
  )
})

test('the list of typos has every flag of the help', async () => {
  const { stdout } = await run(['help', 'copy'])
  const flags = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map((match) => match[1])
  assert.deepEqual(flags.sort(), TYPOS.map(([, flag]) => flag).sort())
})

test('an unknown command is refused with the one that was meant', async () => {
  await assertRefused([], /a command is missing, e\.g\. copy/)
  await assertRefused(['cpy'], /unknown command 'cpy'; did you mean copy\?/)
  await assertRefused(
    [...COPY, 'events'],
    /copy takes options only, .*; a value with spaces is written in quotes/,
  )
  // a password with a space in it, and no quotes
  await assertRefused([...COPY, `${SECRET}@db2/app`], /copy takes options only/)
})

test('options that are missing, given twice or contradictory are named', async () => {
  await assertRefused(['copy', '--to', TO, '--table', 'events'], /--from is missing/)
  await assertRefused(['copy', '--from', FROM, '--table', 'events'], /--to is missing/)
  await assertRefused(['copy', '--from', FROM, '--to', TO], /give one of --table, --query and --file/)
  await assertRefused([...COPY, '--query', 'SELECT 1'], /give one of --table, --query and --file/)
  await assertRefused([...COPY, '--from', FROM], /--from.*given twice/)
  await assertRefused(
    ['copy', '--from', FROM, '--to', TO, '--query', 'SELECT 1'],
    /--to 127\.0\.0\.1:2\/app: the table to load is missing; give --to-table/,
  )
  await assertRefused(['copy', '--from', FROM, '--file', 'x', '--to', TO], /--file is read without a server/)
  await assertRefused([...COPY, '--freeze'], /--freeze needs --truncate/)
  await assertRefused([...COPY, '--header', '--format', 'text'], /--header is for CSV/)
  await assertRefused(
    ['copy', '--file', '-', '--to', `${TO}#t`, '--retry', '2'],
    /standard input can be read only once/,
  )
  await assertRefused(['copy', '--from'], /: --from <url> needs a value/)
})

test('illegal values are named, with the legal ones', async () => {
  await assertRefused(
    [...COPY, '--format', 'xml'],
    /--format must be one of auto, text, csv, binary, not "xml"/,
  )
  await assertRefused(
    [...COPY, '--on-fault', 'ignore'],
    /--on-fault must be one of isolate, abort, not "ignore"/,
  )
  await assertRefused([...COPY, '--atomicity', 'all'], /--atomicity must be one of barrier, each, not "all"/)
  await assertRefused([...COPY, '--retry', '-1'], /--retry must be a whole number from 0 to 1,000, not "-1"/)
  await assertRefused([...COPY, '--retry', '2.5'], /--retry must be a whole number/)
  for (const lag of ['drop', 'drop:', 'drop:0', 'drop:x', 'wait'])
    await assertRefused([...COPY, '--lag', lag], /--lag must be block, or drop:SECONDS/)
  await assertRefused(['copy', '--file', join(folder, 'none'), '--to', `${TO}#t`], /--file: ENOENT/)
  await assertRefused(['copy', '--file', folder, '--to', `${TO}#t`], /--file: .* is a folder/)
})

test('illegal table names are refused', async () => {
  const named = (name: string): string[] => ['copy', '--from', FROM, '--to', TO, '--table', name]
  await assertRefused(named('x'.repeat(64)), /--table: each part of a table name has 1 to 63 bytes/)
  await assertRefused(named(''), /--table: each part/)
  await assertRefused(named('audit.'), /--table: each part/)
  await assertRefused(named('a.b.c'), /--table: "a\.b\.c" has 3 parts/)
  await assertRefused(named('"a'), /--table: the quotes of .* do not match/)
  await assertRefused([...COPY, '--to', `${TO}2#${'y'.repeat(64)}`], /--to .*: each part/)
})

test('illegal connections are refused, and nothing of them is quoted', async () => {
  const from = (url: string): string[] => ['copy', '--from', url, '--table', 'events', '--to', TO]
  await assertRefused(from(`nonsense ${SECRET}`), /--from is not a URL/)
  await assertRefused(
    from(`postgres://ann:${SECRET}@db1:0/app`),
    /--from: port must be|--from is not a valid/,
  )
  await assertRefused(from(`postgres://ann:${SECRET}@db1:65536/app`), /--from is not a valid|--from: port/)
  await assertRefused(
    from(`host=db1 sslpassword='${SECRET}' colour=red`),
    /--from: keyword colour is unknown/,
  )
  await assertRefused(
    from(`postgres://ann:x#${SECRET}@db1/app`),
    /--from: in the user or password of a URL, # is written %23/,
  )
  for (const rest of [`x@${SECRET}/e#f`, `x@${SECRET}/e`, `x@${SECRET}?e`, `x@${SECRET}/e%`]) {
    const url = `postgres://ann:${rest}@db2/app`
    await assertRefused(['copy', '--from', FROM, '--table', 'events', '--to', url], /--to .*is written %?/)
    await assertRefused(from(url), /--from.*is written %?/)
  }
  await assertRefused(
    from(''),
    /--from is empty; postgres:\/\/ alone takes host, user and database from PGHOST/,
  )
  await assertRefused([...COPY, '--to', ''], /--to number 2 is empty/)
  await assertRefused([...COPY, '--to', 'db2'], /write postgres:\/\/ann@db1\/app, or host=db1/)
  await assertRefused(
    ['copy', '--from', FROM, '--table', 'events', '--to', `postgres://ann:${SECRET}@db2:99999/app`],
    /--to .*(port|not a valid)/,
  )
})

test('the same target twice, and the source as its own target, are refused', async () => {
  await assertRefused([...COPY, '--to', TO], /--to 127\.0\.0\.1:2\/app is given twice/)
  await assertRefused([...COPY, '--to', FROM], /--to 127\.0\.0\.1:1\/app is the source itself/)
  await assertRefused([...COPY, '--to', 'file:a', '--to', 'file:./a'], /is given twice/)
})

test('bench and demo have flags of their own', async () => {
  const refused = async (args: readonly string[], text: RegExp): Promise<void> => {
    const { status, stdout, stderr } = await run(args)
    assert.deepEqual({ status, stdout }, { status: 2, stdout: '' }, stderr)
    assert.match(stderr, text)
  }
  await refused(['bench', '--receivers', '0'], /--receivers must be a whole number from 1 to 64, not "0"/)
  await refused(['bench', '--receivers', '1,x'], /--receivers must be a whole number/)
  await refused(['bench', '--receivers', '2', '--to', TO], /--receivers must be a whole number from 1 to 1/)
  await refused(['bench', '--rows', '0'], /--rows must be a whole number/)
  await refused(['bench', '--row-bytes', '1'], /--row-bytes must be a whole number/)
  await refused(['bench', '--rwos', '1'], /unknown option '--rwos'; did you mean --rows\?/)
  await refused(['demo', '--fast'], /unknown option '--fast'/)
})

test('a configuration file is checked key by key, and never quoted', async () => {
  const path = join(folder, 'copy.yaml')
  const refused = async (text: string, expected: RegExp, name = path): Promise<void> => {
    await writeFile(name, text)
    await assertRefused(['copy', '--config', name], expected)
  }
  await refused('form: x', /there is no setting "form"; there are from, table/)
  await refused('table: 7', /table must be text/)
  await refused('truncate: often', /truncate must be true or false/)
  await refused('to: x', /to must be a list/)
  await refused('to: [{ url: x }]', /to\[0\]: there is no "url"; there are name, connection, table, file/)
  await refused('from: { hots: db1 }', /from: there is no "hots"; there are host, hostaddr, port/)
  await refused('from: { password: 1234 }', /from\.password must be text, in quotes/)
  await refused('to: [{ connection: { prot: 1 } }]', /to\[0\]\.connection: there is no "prot"/)
  await refused('to: [{ name: x }]', /to\[0\] needs either connection or file/)
  await refused(`from: {\n  password: ${SECRET}: }`, /copy\.yaml is not YAML at line \d+, column \d+/)
  await refused(`{ "from": "${SECRET}", }`, /copy\.json is not JSON/, join(folder, 'copy.json'))
  await assertRefused(['copy', '--config', join(folder, 'none.yaml')], /--config: ENOENT/)
})
