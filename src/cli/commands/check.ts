import type { Command } from 'commander'
import { CopyAborted } from '../../index.js'
import { checkCommand } from '../check/check-command.js'
import { checkRequest } from '../plan/check-request.js'
import { addCopyFlags, type Flags } from '../request/flags.js'
import { readRequest } from '../request/read-request.js'
import type { Shell } from '../shell/shell.js'

const EXAMPLES = `
Examples:
  What would fail, at all targets, before the first of them is emptied:
    copyman check --from postgres://db1/app --table events --to postgres://db2/app --to postgres://db3/app --truncate

  The same for a script, as one line of JSON:
    copyman check --from postgres://db1/app --table events --to postgres://db2/app --json

Exit status: 0 all is well, 1 something would fail, 2 wrong usage, 130 or 143 interrupted. Nothing is changed anywhere.
copyman copy runs the same check first.
`

/** `copyman check`. */
export const addCheckCommand = (program: Command, shell: Shell, done: (status: number) => void): void => {
  const command = program
    .command('check')
    .summary('look at the source and all targets, and change nothing')
    .description(
      'Takes the flags of copyman copy, looks at the source and at all targets, and tells what would fail.',
    )
  addCopyFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Flags) => done(await check(flags, shell)))
}

const check = async (flags: Flags, { output, interrupts }: Shell): Promise<number> => {
  const request = await readRequest(flags)
  const { json, quiet } = request
  const print = (text: string): void => output.result(text)
  const asked = checkRequest(request, interrupts.signal)
  try {
    return await checkCommand({ ...asked, json, quiet, print })
  } catch (error) {
    if (interrupts.signal.aborted) throw new CopyAborted('the check was interrupted', { cause: error })
    throw error
  }
}
