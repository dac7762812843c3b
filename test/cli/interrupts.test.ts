import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'
import { ended, linesOf, run, start } from './command.js'

const fleet = await startFleet(2)
await fleet.everywhere('CREATE TABLE slow (id int)')
const [first, second] = fleet.targets.map(({ url }) => url) as [string, string]
const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
after(() => rm(folder, { recursive: true }))

const ENDLESS = 'SELECT 1 FROM generate_series(1, 100000) AS a, generate_series(1, 100000) AS b'
const COPY = ['copy', '--from', fleet.source.url, '--query', ENDLESS, '--to-table', 'slow']
const BOTH = ['--to', first, '--to', second]

/** Waits until the last target is being loaded. */
const copying = async (child: ChildProcess): Promise<void> => {
  const asked = `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY "slow"%' AND application_name = 'copyman'`
  for (;;) {
    assert.equal(child.exitCode, null, 'the command ended before it copied')
    const found = (await fleet.targets[1]?.query(asked)) ?? []
    if (found.length > 0) return
    await sleep(20)
  }
}

beforeEach(() => fleet.everywhere('TRUNCATE slow'))

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  story(`row 26: ${signal} once: an orderly abort, nothing is loaded, exit status ${status}`, async () => {
    const child = start([...COPY, ...BOTH, '--to', `file:${join(folder, 'slow.copy')}`])
    const end = ended(child)
    await copying(child)
    child.kill(signal)
    const { status: found, stdout, stderr } = await end
    assert.deepEqual({ found, stdout }, { found: status, stdout: '' }, stderr)
    assert.equal(
      stderr,
      `copyman: ${signal}: cancelling the copy; a second signal ends the process at once
copyman: the copy was interrupted
copyman: nothing is loaded
`,
    )
    await fleet.assertEmpty('slow')
    assert.deepEqual(await readdir(folder), [])
  })
}

story(
  'row 26: a second signal ends the command at once; nothing is loaded, and no partial file stays',
  async () => {
    // the first one waits for a statement that does not end
    const stuck = ['--after', 'SELECT pg_sleep(600)', '--to', `file:${join(folder, 'slow.copy')}`]
    const child = start([
      'copy',
      '--from',
      fleet.source.url,
      '--query',
      'SELECT 1',
      ...BOTH,
      '--to-table',
      'slow',
      ...stuck,
    ])
    const end = ended(child)
    for (;;) {
      const [at] =
        (await fleet.targets[1]?.query(`SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)'`)) ??
        []
      if (at !== undefined) break
      assert.equal(child.exitCode, null, 'the command ended before it was stuck')
      await sleep(20)
    }
    let told = false
    child.stderr?.on('data', (chunk) => {
      if (String(chunk).includes('SIGINT')) told = true
    })
    child.kill('SIGINT')
    while (!told) await sleep(10)
    child.kill('SIGINT')
    const { status, stdout } = await end
    assert.deepEqual({ status, stdout }, { status: 130, stdout: '' })
    await fleet.everywhere(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'copyman'`,
    )
    await fleet.assertEmpty('slow')
    assert.deepEqual(await readdir(folder), [])
  },
)

story('row 27: SIGKILL: nothing is loaded, and the next run goes through', async () => {
  const child = start([...COPY, ...BOTH])
  const end = ended(child)
  await copying(child)
  child.kill('SIGKILL')
  await end
  await fleet.assertEmpty('slow')
  const again = await run([
    'copy',
    '--from',
    fleet.source.url,
    '--query',
    'SELECT 1',
    ...BOTH,
    '--to-table',
    'slow',
  ])
  assert.equal(again.status, 0, again.stderr)
})

story('a summary for programs comes also of a copy that was interrupted', async () => {
  const child = start([...COPY, ...BOTH, '--json'])
  const end = ended(child)
  await copying(child)
  child.kill('SIGINT')
  const result = await end
  assert.equal(result.status, 130)
  const summary = linesOf(result).at(-1)
  assert.deepEqual(
    { type: summary?.type, ok: summary?.ok, exitStatus: summary?.exitStatus },
    { type: 'summary', ok: false, exitStatus: 130 },
  )
})

story('a signal while the source does not answer ends it too', async () => {
  await fleet.source.query('CREATE TABLE held (id int)')
  const holder = await fleet.source.client()
  try {
    await holder.query('BEGIN; LOCK TABLE held')
    const child = start([
      'copy',
      '--from',
      fleet.source.url,
      '--table',
      'held',
      '--to',
      first,
      '--to-table',
      'slow',
    ])
    const end = ended(child)
    for (;;) {
      const waiting = await fleet.source.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`,
      )
      if (waiting.length > 0) break
      assert.equal(child.exitCode, null, 'the command ended before it waited')
      await sleep(20)
    }
    child.kill('SIGTERM')
    assert.equal((await end).status, 143)
  } finally {
    await holder.end()
  }
})
