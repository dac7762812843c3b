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
 * Runs what the arguments ask for.
 * @returns the exit status
 * @throws CopyError COPY_OPTION for wrong usage
 */
export const runProgram = async (args: readonly string[], shell: Shell): Promise<number> => {
  let status: number = EXIT.all
  const program = new Command('copyman')
    .description('Reads one COPY stream and loads any number of PostgreSQL servers from it at once.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', TOP_EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => shell.output.result(text.trimEnd()),
      // what went wrong is told once, where it is caught
      writeErr: () => undefined,
    })
  for (const add of COMMANDS) {
    add(program, shell, (result) => {
      status = result
    })
  }
  for (const command of program.commands) command.helpOption('-h, --help', 'print this help')
  if (args.length === 0) throw usageError('a command is missing, such as copy')
  try {
    await program.parseAsync(apart(args), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.all
    throw usageError(sentence(error, args[0] ?? ''))
  }
  return status
}

/** `--flag=value` as two arguments: of an unknown flag, commander would quote the value and find no flag like it. */
const apart = (args: readonly string[]): string[] =>
  args.flatMap((arg) => {
    const match = /^(--[a-z][a-z-]*)=(.*)$/s.exec(arg)
    return match === null ? [arg] : [match[1] as string, match[2] as string]
  })

/** What commander says, in one line and without the passwords that it quotes. */
const sentence = ({ message, code }: CommanderError, command: string): string => {
  // what is too much may be half a password: it is not shown
  if (code === 'commander.excessArguments')
    return `${command} takes options only, and there is a word too many; a value with spaces is written in quotes`
  return withoutSecrets(
    message
      .replace(/^error: /, '')
      .replace(/^option '(.*)' argument missing$/, '$1 needs a value')
      .replace(/\s*\(Did you mean/, '; did you mean')
      .replace(/\?\)$/, '?'),
  )
}
