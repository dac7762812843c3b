import type { Command } from 'commander'
import { CopyError } from '../../index.js'
import type { CopyPlan } from '../plan/plan.js'
import { prepare } from '../plan/prepare.js'
import { printPlan } from '../plan/print-plan.js'
import { Reporter } from '../report/reporter.js'
import type { CopyRequest } from '../request/copy-request.js'
import { addCopyFlags, type Flags } from '../request/flags.js'
import { readRequest } from '../request/read-request.js'
import { runCopy } from '../run/run-copy.js'
import { EXIT } from '../shell/exit-status.js'
import type { Shell } from '../shell/shell.js'

const EXAMPLES = `
Examples:
  One table into two servers, emptied first:
    copyman copy --from postgres://db1/app --table events --to postgres://db2/app --to postgres://db3/app --truncate

  The rows of a query into a table of another name:
    copyman copy --from postgres://db1/app --query 'SELECT * FROM events WHERE id > 500' --to postgres://db2/app#recent

  All or nothing, with three retries after a lost connection:
    copyman copy --from postgres://db1/app --table events --to postgres://db2/app --to postgres://db3/app --truncate --on-fault abort --retry 3

  A table into a compressed file and a server at the same time; then the file into another server:
    copyman copy --from postgres://db1/app --table events --to file:events.csv.gz --to postgres://db2/app --truncate
    copyman copy --file events.csv.gz --to postgres://db3/app --to-table events --truncate

  From standard input:
    psql postgres://db1/app -c 'COPY events TO STDOUT' | copyman copy --file - --to postgres://db2/app#events --truncate

  Dozens of targets, from a configuration file:
    copyman copy --config nightly.yaml

      from: postgres://db1/app
      table: events
      truncate: true
      to:
        - postgres://db2/app
        - { name: reporting, connection: postgres://db3/app, table: events }

Exit status: 0 all targets are loaded, 1 none, 2 wrong usage, 3 some, 4 a COMMIT is in doubt, 130 or 143 interrupted.
Every user of this machine can see a password in an argument, but not one in PGPASSWORD or ~/.pgpass.
`

/** `copyman copy`. */
export const addCopyCommand = (program: Command, shell: Shell, done: (status: number) => void): void => {
  const command = program
    .command('copy')
    .summary('load a table, query or file into any number of servers')
    .description(
      'Reads a table, query or file once and loads it into any number of PostgreSQL servers at the same time.',
    )
  addCopyFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Flags) => done(await copyCommand(await readRequest(flags), shell)))
}

const copyCommand = async (request: CopyRequest, shell: Shell): Promise<number> => {
  const reporter = new Reporter(shell.output, request)
  let plan: CopyPlan
  try {
    plan = await prepare(request, shell)
  } catch (error) {
    if (!(error instanceof CopyError) || error.code === 'COPY_OPTION') throw error
    return reporter.notStarted(request, [], error, shell.interrupts.status)
  }
  reporter.planned(plan)
  if (request.dryRun) {
    printPlan(plan, shell.output)
    return plan.leftOut.length === 0 ? EXIT.all : EXIT.none
  }
  if (plan.targets.length === 0 || (plan.leftOut.length > 0 && request.onFault === 'abort')) {
    return reporter.notStarted(request, plan.leftOut, undefined, undefined)
  }
  const end = await runCopy(plan, shell, reporter)
  return reporter.end(end, shell.interrupts.status)
}
