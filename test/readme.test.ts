import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startFleet } from './support/fleet.js'

const ROOT = new URL('../../', import.meta.url)
const readme = await readFile(new URL('README.md', ROOT), 'utf8')
const fleet = await startFleet(2)
await fleet.everywhere('CREATE TABLE events (id int, at timestamptz, what text)')
await fleet.source.query(
  `INSERT INTO events SELECT i, now(), 'event ' || i FROM generate_series(1, 1000) AS i`,
)

/** A sample as it stands, with the package and the servers that are here. */
const asRunnable = (sample: string): string => {
  const urls: Record<string, string> = {}
  fleet.all.forEach(({ url }, i) => {
    urls[`postgres://db${i + 1}/app`] = url
  })
  const known = sample
    .replaceAll("from 'pg'", `from ${JSON.stringify(import.meta.resolve('pg'))}`)
    .replaceAll("from 'copyman'", `from ${JSON.stringify(new URL('dist/src/index.js', ROOT).href)}`)
    .replaceAll(/'postgres:\/\/db\d\/app'/g, (quoted) => JSON.stringify(urls[quoted.slice(1, -1)]))
  return known.replaceAll(
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the sample's own text
    '`postgres://${host}/app`',
    `(${JSON.stringify(urls)})[\`postgres://\${host}/app\`]`,
  )
}

const samples = [...readme.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1] as string)

test('the README has samples and its first screen shows the two commands', () => {
  assert.ok(samples.length >= 3)
  const firstScreen = readme.split('\n').slice(0, 30).join('\n')
  assert.match(firstScreen, /npm ci && npm run demo/)
  assert.match(firstScreen, /npm ci && npm test/)
})

for (const [i, sample] of samples.entries()) {
  test(`sample ${i + 1} of the README runs and loads both targets`, async () => {
    await Promise.all(fleet.targets.map((target) => target.query('TRUNCATE events')))
    const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
    try {
      const csv = (
        await fleet.source.query<{ line: string }>(
          `SELECT format('%s,%s,%s', id, at, what) AS line FROM events`,
        )
      ).map(({ line }) => `${line}\n`)
      await writeFile(join(folder, 'events.csv'), csv)
      await writeFile(join(folder, 'sample.mjs'), asRunnable(sample))
      const child = spawn(process.execPath, ['sample.mjs'], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
      const status = await new Promise((resolve) => child.once('close', resolve))
      assert.equal(status, 0, output)
      assert.doesNotMatch(output, /going on without/)
      const loaded = await Promise.all(
        fleet.targets.map((target) => target.query('SELECT count(*)::int AS rows FROM events')),
      )
      // the second sample loads one server and a function
      assert.deepEqual(loaded[0], [{ rows: 1000 }])
      if (sample.includes('db3')) assert.deepEqual(loaded[1], [{ rows: 1000 }])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
}
