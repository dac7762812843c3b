import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

const PACKAGES = ['pg', 'pg-copy-streams', 'piscina', 'tinybench']

/** What the figures were measured on, as lines of text. */
export const machine = (): string[] => {
  const require = createRequire(import.meta.url)
  const versionOf = (name: string): string => {
    // not every package lets its package.json be asked for by name
    const files = (require.resolve.paths(name) ?? []).map((path) => join(path, name, 'package.json'))
    const file = files.find((path) => existsSync(path))
    return `${name} ${file === undefined ? 'unknown' : JSON.parse(readFileSync(file, 'utf8')).version}`
  }
  const [cpu] = cpus()
  return [
    `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB of memory, ${process.platform} ${process.arch}`,
    `Node ${process.version}, ${PACKAGES.map(versionOf).join(', ')}`,
    `commit ${commit()}`,
  ]
}

/** The commit that is measured; with `-dirty` when the files differ from it. */
const commit = (): string => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown'
  }
}
