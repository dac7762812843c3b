// Types, lint and format, floors, unused code and class members. Silent when all is well.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CHECKS = [
  ['types', 'node_modules/.bin/tsc', ['--noEmit']],
  ['lint and format', 'node_modules/.bin/biome', ['check', '--error-on-warnings']],
  ['floors', process.execPath, ['scripts/check-floors.mjs']],
  ['unused code', 'node_modules/.bin/knip', ['--treat-config-hints-as-errors']],
  ['unused members', process.execPath, ['scripts/check-members.mjs']],
]

for (const [name, command, args] of CHECKS) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' })
  if (status === 0) continue
  console.error(`check failed: ${name}\n${error?.message ?? ''}${stdout ?? ''}${stderr ?? ''}`)
  process.exitCode = 1
}
