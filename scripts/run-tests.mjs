// Runs the compiled tests: `node scripts/run-tests.mjs [part of a path …]`. Node 20 takes no globs, and given a folder
// it would run fixtures as tests. A compiled test whose source is gone is not run.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
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
// a file waits for servers about half of its time; many at once would make them fight for the cores, and deadlines with them
const timeoutMs = process.env.COPYMAN_FAULT === 'full' ? 1_500_000 : 300_000
const args = [
  '--test',
  '--test-reporter=spec',
  '--test-concurrency=3',
  `--test-timeout=${timeoutMs}`,
  ...files,
]
const { status, signal } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
