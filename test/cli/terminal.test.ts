import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'
import { COPYMAN, ended, linesOf, run, start } from './command.js'

const fleet = await startFleet(1)
await fleet.everywhere('CREATE TABLE events (id int, what text)')
const from = fleet.source.url
const target = fleet.targets[0]?.url as string

/** Long enough for lines to be drawn, or printed: rows come for some seconds. */
const slow = (seconds: number): string =>
  `SELECT i, repeat('x', 9000) || pg_sleep(0.1) FROM generate_series(1, ${seconds * 10}) AS i`

const copy = (seconds: number, ...more: string[]): string[] => {
  const to = ['--to', target, '--to-table', 'events', '--truncate']
  return ['copy', '--from', from, '--query', slow(seconds), ...to, ...more]
}

const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux')
const skip = hasScript ? false : 'script of util-linux gives the pseudo-terminal'

/** What the command prints on a terminal of this size. */
const onTerminal = async (
  args: readonly string[],
  columns: number,
  env: NodeJS.ProcessEnv = {},
): Promise<string> => {
  const quoted = [process.execPath, COPYMAN, ...args].map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`)
  const command = `stty cols ${columns} rows 24; exec ${quoted.join(' ')}`
  // a CI may say that its terminals have no colours; this one has
  const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, ...rest } = process.env
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...rest, TERM: 'xterm-256color', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { status, stdout } = await ended(child)
  assert.equal(status, 0, stdout)
  return stdout
}

const CURSOR_UP = /\u001b\[\d+A/
const COLOUR = /\u001b\[3\dm/
const LIVE = / rows +[\d.]+ (B|KiB) +[\d.]+ (B|KiB)\/s .*lag/
const TOTAL = /\d s {2}\d+ rows read {2}\d+ rows\/s/

/** What is drawn at once, between the words that begin and end it, is two lines, none of them wrapped. */
const assertTwoLines = (shown: string, columns: number): void => {
  const drawn = [...shown.matchAll(/\u001b\[\?2026h(.*?)\u001b\[\?2026l/gs)].map(([, text = '']) =>
    text
      .replace(/\u001b\[[\d;]*[A-Za-z]/g, '')
      .split(/[\r\n]+/)
      .filter((line) => line !== ''),
  )
  const frames = drawn.filter((lines) => lines.length > 0)
  assert.ok(frames.length >= 2, shown)
  assert.equal(frames[0]?.length, 2, shown)
  for (const lines of frames) {
    // a line that is as it was is not drawn again
    assert.ok(lines.length <= 2, `${columns} columns: ${lines.join('|')}`)
    for (const line of lines) assert.ok([...line].length <= columns, `${[...line].length} columns: ${line}`)
  }
}

story(
  'on a terminal one line of the target and one of all are redrawn in place, in colour',
  {
    skip,
  },
  async () => {
    const shown = await onTerminal(copy(3), 120)
    assert.match(shown, CURSOR_UP)
    assert.match(shown, COLOUR)
    const text = shown.replace(/\u001b\[[\d;]*m/g, '')
    assert.match(text, LIVE)
    assert.match(text, TOTAL)
    assert.match(text, /waits for the source/)
    // what stays is the summary alone
    const stays = text.slice(text.lastIndexOf('\u001b['))
    assert.match(
      stays,
      /30 rows, .*\r\n {2}as binary, .*\r\n {2}127\.0\.0\.1:\d+\/postgres {2}committed {2}30 rows\r\n$/,
    )
    assert.doesNotMatch(stays, LIVE)
  },
)

story('narrow terminals get shorter lines, and none is wrapped', { skip }, async () => {
  for (const columns of [40, 80]) assertTwoLines(await onTerminal(copy(1), columns), columns)
})

story('NO_COLOR draws without colours, TERM=dumb does not draw', { skip }, async () => {
  const plain = await onTerminal(copy(1), 120, { NO_COLOR: '1' })
  assert.match(plain, CURSOR_UP)
  assert.doesNotMatch(plain, /\u001b\[[\d;]*m/)
  const dumb = await onTerminal(copy(1), 120, { TERM: 'dumb' })
  assert.doesNotMatch(dumb, /\u001b/)
})

story('without a terminal plain lines come now and then; FORCE_COLOR colours them', async () => {
  const child = start(copy(7))
  let stderr = ''
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  assert.equal((await ended(child)).status, 0)
  assert.match(stderr, LIVE)
  assert.match(stderr, TOTAL)
  assert.doesNotMatch(stderr, /\u001b/)
  const { stdout } = await run(copy(0), { env: { FORCE_COLOR: '1' } })
  assert.match(stdout, COLOUR)
  const none = await run(copy(0), { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })
  assert.doesNotMatch(none.stdout, /\u001b/)
})

story('--json prints the progress as lines of JSON, with the target that holds the others back', async () => {
  const result = await run(copy(4, '--json'))
  assert.equal(result.status, 0, result.stderr)
  const progress = linesOf(result).filter(({ type }) => type === 'progress')
  assert.ok(progress.length >= 2)
  const last = progress.at(-1) as { heldBackBy: unknown; receivers: { name: string; lagBytes: number }[] }
  assert.deepEqual(last.heldBackBy, { kind: 'source' })
  assert.equal(typeof last.receivers[0]?.lagBytes, 'number')
  assert.equal(linesOf(result).at(-1)?.type, 'summary')
})

story(
  'a reader that closes its pipe, e.g. head, is no crash: the copy goes on, and its exit status is 0',
  async () => {
    const child = start(copy(3, '--json'))
    child.stdout?.once('data', () => child.stdout?.destroy())
    let stderr = ''
    child.stderr?.on('data', (chunk) => (stderr += chunk))
    const [status] = await once(child, 'close')
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.deepEqual(await fleet.targets[0]?.query('SELECT count(*)::int AS rows FROM events'), [
      { rows: 30 },
    ])
  },
)

story('rows for a reader that goes away are a fault of that target', async () => {
  const many = 'SELECT i FROM generate_series(1, 3000000) AS i'
  const child = start(['copy', '--from', from, '--query', many, '--to', 'file:-'])
  child.stdout?.once('data', () => child.stdout?.destroy())
  const { status, stderr } = await ended(child)
  assert.equal(status, 1)
  assert.match(stderr, /^copyman: standard output: its reader closed it\ncopyman: nothing is loaded\n$/)
})
