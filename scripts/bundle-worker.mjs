// Bundles all that a worker thread loads, pg included, into dist/src/workers/bundle: a thread that loads one file instead of
// each module starts in half the time. versions.json beside the bundle lists pg and its dependencies with their versions:
// src/main/links/worker-entry.ts uses the bundle only if the same versions are installed.
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
  // not esm: without ES modules a thread need not start Node's loader for them, which saves a third of the loading time
  format: 'cjs',
  // pg loads it only if pg.native is used
  external: ['pg-native'],
  sourcemap: true,
  metafile: true,
  logLevel: 'warning',
})

/** The folders of the bundled packages. */
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

// worker-entry.ts can find these at any user's: pg from its own folder, pg's dependencies from the folder of pg
const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'node_modules/pg/package.json'), 'utf8'))
const known = packages.filter(({ name }) => name === 'pg' || name in dependencies)
const versions = Object.fromEntries(known.map(({ name, version }) => [name, version]))
writeFileSync(join(OUT, 'versions.json'), `${JSON.stringify(versions)}\n`)

const notices = packages.map(({ name, version, license }) => `${name} ${version}\n\n${license}\n`)
writeFileSync(
  join(OUT, 'LICENSES.txt'),
  `Packages in receiver-worker.cjs besides copyman.\n\n${notices.join('\n---\n\n')}`,
)
