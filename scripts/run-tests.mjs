// Runs the compiled tests: `node scripts/run-tests.mjs [part of a path …]`. Node 20 takes no globs, and given a folder
// it would run fixtures as tests. A compiled test whose source is gone is not run.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const wanted = process.argv.slice(2)

const files = readdirSync(join(ROOT, 'test'), { recursive: true })
  .map((name) => join('test', name))
  .filter(
    (name) =>
      name.endsWith('.test.ts') && (wanted.length === 0 || wanted.some((part) => name.includes(part))),
  )
  .map((name) => join('dist', name.replace(/\.ts$/, '.js')))
  .sort()

if (files.length === 0) {
  console.error(`no test matches ${wanted.join(' ')}`)
  process.exit(2)
}
const missing = files.filter((file) => !existsSync(join(ROOT, file)))
if (missing.length > 0) {
  console.error(`not compiled: ${missing.join(', ')}; run npm run build`)
  process.exit(2)
}
const MEMORY_FOLDER = '/dev/shm'
/** Several times what the servers of the files that run at the same time hold. */
const MEMORY_BYTES = 8 * 1024 ** 3

/**
 * Whether temporary files may lie in memory: a data folder is a thousand files, and some file systems take half a second
 * of CPU for a copy. Programs must run from there, since tests install some.
 */
const canUseMemory = () => {
  if (process.platform !== 'linux' || process.env.TMPDIR !== undefined || !existsSync(MEMORY_FOLDER))
    return false
  const { bavail, bsize } = statfsSync(MEMORY_FOLDER)
  if (Math.min(bavail * bsize, process.availableMemory()) < MEMORY_BYTES) return false
  const folder = mkdtempSync(join(MEMORY_FOLDER, 'copyman-'))
  try {
    const program = join(folder, 'program')
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 })
    return spawnSync(program).status === 0
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * One data folder that the servers of all test files are copied from: initdb takes longer than a copy and a start. Its
 * supervisor removes it when this process ends, however it ends.
 */
const makeTemplate = async () => {
  const load = (name) => import(new URL(`../dist/scripts/postgres/${name}.js`, import.meta.url))
  const [{ chooseInstallation }, { Supervision }, { Template }] = await Promise.all(
    ['installations', 'supervision', 'template'].map(load),
  )
  const supervision = await Supervision.begin()
  const template = await Template.make(
    supervision,
    chooseInstallation(),
    join(supervision.folder, 'template'),
  )
  return { text: JSON.stringify(template.share()), remove: () => supervision.end() }
}

// a file waits for servers about half of its time; many at once would make them fight for the cores, and deadlines with them
const timeoutMs = process.env.COPYMAN_FAULT === 'full' ? 1_500_000 : 300_000
const args = [
  '--test',
  '--test-reporter=spec',
  '--test-concurrency=4',
  `--test-timeout=${timeoutMs}`,
  ...files,
]
const needsServers = files.some((file) => !file.startsWith(join('dist', 'test', 'unit')))
if (needsServers && canUseMemory()) process.env.TMPDIR = MEMORY_FOLDER
const template = needsServers ? await makeTemplate() : undefined
const child = spawn(process.execPath, args, {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, ...(template && { COPYMAN_TEST_TEMPLATE: template.text }) },
})
// Ctrl-C reaches the tests too: this process waits for them
process.on('SIGINT', () => {})
const [status, signal] = await once(child, 'exit')
await template?.remove()
process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
