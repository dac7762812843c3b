import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

const PACKAGES = ['pg', 'pg-copy-streams', 'piscina', 'tinybench']

/** Hardware, versions and commit of the measurement, as lines of text. */
export const machine = (): string[] => {
  const require = createRequire(import.meta.url)
  const versionOf = (name: string): string => {
    // read from the folder: some packages do not export their package.json
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

/** The measured commit; with `-dirty` if the files differ from it. */
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
