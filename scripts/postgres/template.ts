import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Installation } from './installations.js'
import type { Supervision } from './supervision.js'

/** A template that another process made, and keeps for as long as servers are copied from it. */
export interface SharedTemplate {
  readonly folder: string
  readonly bindir: string
  readonly version: string
}

/**
 * A fresh data folder, which is copied for each server, and its binaries. A copy takes a fifth of the time of initdb, and
 * hardly any CPU.
 */
export class Template {
  readonly supervision: Supervision
  readonly #folder: string
  /** The bin folder, readable for the server's user. */
  readonly bindir: string
  readonly version: string
  /** Password of user postgres; undefined if the servers ask for none. */
  readonly password: string | undefined

  private constructor(
    supervision: Supervision,
    folder: string,
    installation: Installation,
    password?: string,
  ) {
    this.supervision = supervision
    this.#folder = folder
    this.bindir = installation.bindir
    this.version = installation.version
    this.password = password
  }

  /**
   * Creates `folder`, and beside it `folder.postgres` if the binaries must be copied. With a password, every connection
   * must give it (scram-sha-256); without one, servers ask for none.
   */
  static async make(
    supervision: Supervision,
    installation: Installation,
    folder: string,
    password?: string,
  ): Promise<Template> {
    const bindir = await makeRunnable(supervision, installation.bindir, `${folder}.postgres`)
    const args = ['-D', folder, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync']
    const secret = `${folder}.secret`
    if (password === undefined) args.push('--auth=trust')
    else {
      writeFileSync(secret, `${password}\n`, { mode: 0o600 })
      const { account } = supervision
      if (account) chownSync(secret, account.uid, account.gid)
      args.push('--auth=scram-sha-256', `--pwfile=${secret}`)
    }
    try {
      await supervision.run(join(bindir, 'initdb'), args)
    } finally {
      rmSync(secret, { force: true })
    }
    return new Template(supervision, folder, { ...installation, bindir }, password)
  }

  /** The template of another process, whose servers run as the same user. */
  static shared(supervision: Supervision, { folder, ...installation }: SharedTemplate): Template {
    return new Template(supervision, folder, installation)
  }

  /** For other processes; theirs until the supervision of this one ends. */
  share(): SharedTemplate {
    return { folder: this.#folder, bindir: this.bindir, version: this.version }
  }

  /** `folder` must not exist. */
  async copyTo(folder: string): Promise<void> {
    await this.supervision.run('cp', ['-Rp', this.#folder, folder])
  }
}

/**
 * A bin folder whose programs run as the server's user: the given folder, or a private copy if that user cannot read the
 * folder (e.g. below a home of mode 700) or the links of the package can be made only in a copy.
 */
async function makeRunnable(supervision: Supervision, bindir: string, copy: string): Promise<string> {
  const native = dirname(bindir)
  makeLinks(dirname(native))
  try {
    await probe(supervision, bindir)
    return bindir
  } catch (error) {
    if (!existsSync(linkList(dirname(native)))) throw error
  }
  mkdirSync(copy, { mode: 0o755 })
  await supervision.run('cp', ['-RP', native, join(copy, 'native')], 'self')
  makeLinks(copy)
  const { account } = supervision
  if (account) await supervision.run('chown', ['-R', `${account.uid}:${account.gid}`, copy], 'self')
  await probe(supervision, join(copy, 'native/bin'))
  return join(copy, 'native/bin')
}

/** Runs both programs, which load their libraries by the links of the package. Rejects if one of them fails. */
async function probe(supervision: Supervision, bindir: string): Promise<void> {
  await Promise.all(['initdb', 'postgres'].map((name) => supervision.run(join(bindir, name), ['--version'])))
}

function linkList(packageFolder: string): string {
  return join(packageFolder, 'native/pg-symlinks.json')
}

/**
 * Makes the symbolic links that a package lists, since npm packages cannot hold links and npm may not have run the
 * postinstall script. A link that cannot be made is skipped; `probe` shows whether it was needed.
 */
function makeLinks(packageFolder: string): void {
  if (!existsSync(linkList(packageFolder))) return
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(linkList(packageFolder), 'utf8'),
  )
  for (const { source, target } of links) {
    try {
      symlinkSync(relative(dirname(target), source), resolve(packageFolder, target))
    } catch {} // the link exists, or the folder is not writable
  }
}
