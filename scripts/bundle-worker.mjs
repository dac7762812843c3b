// Bundles what a worker thread loads, pg included, into dist/src/workers/bundle: a thread that loads one file where there
// were 75 starts in half the time. versions.json beside it says which packages, and which of their versions, it holds:
// src/main/links/worker-entry.ts takes it only where the same are installed.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist/src/workers/bundle')

rmSync(OUT, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ['dist/src/workers/receiver-worker.js'],
  outfile: join(OUT, 'receiver-worker.cjs'),
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // a thread that loads no ES module need not start Node's loader for them: a third of what it takes to load all this
  format: 'cjs',
  // pg loads it for who asks for pg.native
  external: ['pg-native'],
  sourcemap: true,
  metafile: true,
  logLevel: 'warning',
})

/** The folders of the packages that the bundle holds bytes of. */
const folders = new Set(
  Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.keys(inputs).flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []),
  ),
)
const packages = [...folders].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
  const file = readdirSync(join(ROOT, folder)).find((entry) => /^licen[cs]e/i.test(entry))
  const text =
    file === undefined ? `${license}, says its package.json` : readFileSync(join(ROOT, folder, file), 'utf8')
  return { name, version, license: text.trim() }
})

// those that pg itself depends on are found from where pg lies, whoever installed it, and its own are found from here
const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'node_modules/pg/package.json'), 'utf8'))
const known = packages.filter(({ name }) => name === 'pg' || name in dependencies)
const versions = Object.fromEntries(known.map(({ name, version }) => [name, version]))
writeFileSync(join(OUT, 'versions.json'), `${JSON.stringify(versions)}\n`)

const notices = packages.map(({ name, version, license }) => `${name} ${version}\n\n${license}\n`)
writeFileSync(
  join(OUT, 'LICENSES.txt'),
  `What receiver-worker.cjs holds besides copyman.\n\n${notices.join('\n---\n\n')}`,
)
