import type { Command } from 'commander'
import { CopyAborted } from '../../index.js'
import { checkCommand } from '../check/check-command.js'
import { checkRequest } from '../plan/check-request.js'
import { addCopyFlags, type Flags } from '../request/flags.js'
import { readRequest } from '../request/read-request.js'
import type { Shell } from '../shell/shell.js'

const EXAMPLES = `
Examples:
  Everything that would fail, at all targets, before any of them is emptied:
    copyman check --from postgres://db1/app --table events --to postgres://db2/app --to postgres://db3/app --truncate

  As one line of JSON, for a script:
    copyman check --from postgres://db1/app --table events --to postgres://db2/app --json

Exit status: 0 no error was found, 1 an error was found, 2 wrong usage, 130 or 143 interrupted.
The check changes nothing. copyman copy runs the same check first.
`

/** `copyman check`. */
export const addCheckCommand = (program: Command, shell: Shell, done: (status: number) => void): void => {
  const command = program
    .command('check')
    .summary('report what would make a copy fail; change nothing')
    .description(
      'Takes the flags of copyman copy, and reports everything at the source and at all targets that would make the copy fail.',
    )
  addCopyFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: Flags) => done(await check(flags, shell)))
}

const check = async (flags: Flags, { output, interrupts }: Shell): Promise<number> => {
  const request = await readRequest(flags)
  const { json, quiet } = request
  const print = (text: string): void => output.result(text)
  const checked = checkRequest(request, interrupts.signal)
  try {
    return await checkCommand({ ...checked, json, quiet, print })
  } catch (error) {
    if (interrupts.signal.aborted) throw new CopyAborted('the check was interrupted', { cause: error })
    throw error
  }
}
