import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { COMMANDS } from './commands/commands.js'
import { EXIT } from './shell/exit-status.js'
import { withoutSecrets } from './shell/secrets.js'
import type { Shell } from './shell/shell.js'
import { usageError } from './shell/usage.js'

const TOP_EXAMPLES = `
Examples:
  copyman copy --from postgres://db1/app --table events --to postgres://db2/app --to postgres://db3/app
  copyman help copy
`

const version = (): string => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/**
 * Runs the command that the arguments name.
 * @returns the exit status
 * @throws CopyError COPY_OPTION for wrong usage
 */
export const runProgram = async (args: readonly string[], shell: Shell): Promise<number> => {
  let status: number = EXIT.all
  const program = new Command('copyman')
    .description('Reads one COPY stream and loads it into any number of PostgreSQL servers at the same time.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', TOP_EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => shell.output.result(text.trimEnd()),
      // errors are printed once, where they are caught
      writeErr: () => undefined,
    })
  for (const add of COMMANDS) {
    add(program, shell, (result) => {
      status = result
    })
  }
  for (const command of program.commands) command.helpOption('-h, --help', 'print this help')
  if (args.length === 0) throw usageError('a command is missing, e.g. copy')
  try {
    await program.parseAsync(splitValues(args), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.all
    throw usageError(usageMessage(error, args[0] ?? ''))
  }
  return status
}

/** Splits `--flag=value` into two arguments: for an unknown flag, commander quotes the whole and suggests nothing. */
const splitValues = (args: readonly string[]): string[] =>
  args.flatMap((arg) => {
    const match = /^(--[a-z][a-z-]*)=(.*)$/s.exec(arg)
    return match === null ? [arg] : [match[1] as string, match[2] as string]
  })

/** Commander's message in one line, without passwords. */
const usageMessage = ({ message, code }: CommanderError, command: string): string => {
  // the extra argument may be half a password, so it is not shown
  if (code === 'commander.excessArguments')
    return `${command} takes options only, and there is an argument too many; a value with spaces is written in quotes`
  return withoutSecrets(
    message
      .replace(/^error: /, '')
      .replace(/^option '(.*)' argument missing$/, '$1 needs a value')
      .replace(/\s*\(Did you mean/, '; did you mean')
      .replace(/\?\)$/, '?'),
  )
}
