import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { startFleet } from '../support/fleet.js'
import { story } from '../support/story.js'
import { COPYMAN, ended, run } from './command.js'

const fleet = await startFleet(2)
await fleet.everywhere(`CREATE TABLE events (id int, what text); CREATE TABLE recent (LIKE events)`)
await fleet.source.query(`INSERT INTO events SELECT i, 'event ' || i FROM generate_series(1, 1000) AS i`)
const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
after(() => rm(folder, { recursive: true }))

const program = async (name: string, script: string): Promise<void> => {
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`)
  await chmod(join(folder, name), 0o755)
}
await program('copyman', `exec '${process.execPath}' '${COPYMAN}' "$@"`)
// the throw-away servers come without psql: this prints what psql would print
await program('psql', `exec copyman copy --from "$1" --table events --to file:- --quiet`)

/** With the servers that are here. */
const here = (text: string): string =>
  fleet.all.reduce((shown, { url }, i) => shown.replaceAll(`postgres://db${i + 1}/app`, url), text)

const shell = (command: string): ReturnType<typeof ended> =>
  ended(
    spawn('sh', ['-c', command], {
      cwd: folder,
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )

story('every example in the help of copy runs, and loads what it says', async () => {
  const { status, stdout, stderr } = await run(['help', 'copy'])
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  const examples = [...stdout.matchAll(/^ {4}((?:copyman|psql) .*)$/gm)].map((match) => match[1] as string)
  assert.equal(examples.length, 7)
  await writeFile(
    join(folder, 'nightly.yaml'),
    here([...stdout.matchAll(/^ {6}(\S.*| {2}- .*)$/gm)].map((m) => m[1]).join('\n')),
  )
  for (const example of examples) {
    await fleet.onTargets('TRUNCATE events, recent')
    const result = await shell(here(example))
    assert.equal(result.status, 0, `${example}\n${result.stderr}`)
    const table = example.includes('#recent') ? 'recent' : 'events'
    const rows = table === 'recent' ? 500 : 1000
    const counts = await Promise.all(
      fleet.targets.map((target) =>
        target.query<{ rows: number }>(`SELECT count(*)::int AS rows FROM ${table}`),
      ),
    )
    const wanted = ['db2', 'db3'].map((name) =>
      example.includes(name) || example.includes('--config') ? rows : 0,
    )
    assert.deepEqual(
      counts.map(([count]) => count?.rows),
      wanted,
      example,
    )
  }
})

story('every example in the help of check and bench runs', async () => {
  await fleet.onTargets('TRUNCATE events, recent')
  for (const name of ['check', 'bench']) {
    const { status, stdout } = await run(['help', name])
    assert.equal(status, 0)
    const examples = [...stdout.matchAll(/^ {4}(copyman .*)$/gm)].map((match) => match[1] as string)
    assert.ok(examples.length >= 2)
    for (const example of examples) {
      const result = await shell(here(example))
      assert.equal(result.status, 0, `${example}\n${result.stdout}${result.stderr}`)
      assert.ok(result.stdout.length > 0)
    }
  }
  const [{ tables } = { tables: -1 }] = await fleet.source.query<{ tables: number }>(
    `SELECT count(*)::int AS tables FROM pg_class WHERE relname = 'copyman_bench'`,
  )
  assert.equal(tables, 0)
})

story('help is on stdout, by every way to ask for it, and --version prints the version', async () => {
  const top = await run(['--help'])
  assert.match(top.stdout, /^Usage: copyman [\s\S]*copy [\s\S]*Examples:/)
  assert.deepEqual(await run(['help']), top)
  assert.deepEqual(await run(['copy', '--help']), await run(['help', 'copy']))
  const { stdout } = await run(['--version'])
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

story('the help fits into 110 columns but for the commands in it', async () => {
  const { stdout } = await run(['help', 'copy'])
  for (const line of stdout.split('\n')) assert.ok(line.length <= 118 || /copyman copy/.test(line), line)
})
