import { type Command, InvalidArgumentError, Option } from 'commander'

/** Every flag of `copy`, and so of `check`, as commander gives them: what was not given is not there. */
export interface Flags {
  readonly from?: string
  readonly table?: string
  readonly query?: string
  readonly file?: string
  readonly to?: readonly string[]
  readonly toTable?: string
  readonly format?: string
  readonly header?: boolean
  readonly truncate?: boolean
  readonly freeze?: boolean
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  readonly analyze?: boolean
  readonly onFault?: string
  readonly retry?: string
  readonly atomicity?: string
  readonly lag?: string
  readonly config?: string
  /** False by `--no-check`. */
  readonly check?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

/** A value that may be given once: of two, one would be lost without a word. */
const once = (value: string, previous: string | undefined): string => {
  if (previous !== undefined) throw new InvalidArgumentError('It is given twice.')
  return value
}

const several = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value]

const valued = (flags: string, text: string): Option => new Option(flags, text).argParser(once)
const repeated = (flags: string, text: string): Option => new Option(flags, text).argParser(several)

/** Adds the flags that `copy` and `check` share. */
export const addCopyFlags = (command: Command): Command =>
  command
    .optionsGroup('What to read:')
    .addOption(valued('--from <url>', 'the source, such as postgres://ann@db1/app, or libpq keywords'))
    .addOption(valued('--table <name>', 'the table or view to read, such as events or audit.events'))
    .addOption(
      valued('--query <sql>', 'the query to read instead of a table; needs the name of the target table'),
    )
    .addOption(
      valued(
        '--file <path>',
        'the file of COPY data to read instead, plain, gzip or zstd; - is standard input',
      ),
    )
    .optionsGroup('Where to load it:')
    .addOption(
      repeated(
        '--to <url>',
        'a target; once for each. postgres://db2/app#audit.events names its table, file:PATH writes a file, packed if PATH ends in .gz or .zst; file:- is standard output',
      ),
    )
    .addOption(valued('--to-table <name>', 'the table to load; that of --table unless given'))
    .addOption(
      valued(
        '--format <format>',
        'auto (default), text, csv or binary; binary needs the same types at both ends',
      ),
    )
    .option('--header', 'CSV with the names of the columns in its first line')
    .optionsGroup("What else to do in each target's transaction:")
    .addOption(repeated('--before <sql>', 'run this first; may be repeated'))
    .option('--truncate', 'empty the target table before it is loaded')
    .option('--freeze', 'load rows that need no vacuum later; needs --truncate')
    .option('--analyze', 'collect statistics about the target table after it is loaded')
    .addOption(repeated('--after <sql>', 'run this last; may be repeated'))
    .optionsGroup('When a target fails or is slow:')
    .addOption(
      valued('--on-fault <what>', 'isolate (default): the others go on; abort: nothing is loaded anywhere'),
    )
    .addOption(
      valued(
        '--retry <times>',
        'start a target anew, so many times, when its connection or server went away',
      ),
    )
    .addOption(
      valued(
        '--atomicity <when>',
        'barrier (default): nobody commits before all are complete; each: as it is complete',
      ),
    )
    .addOption(
      valued(
        '--lag <policy>',
        'block (default): all wait for the slowest; drop:SECONDS: one that holds up others so long fails',
      ),
    )
    .optionsGroup('How to run:')
    .addOption(valued('--config <file>', 'read these settings from a JSON or YAML file; flags win over it'))
    .option('--no-check', 'do not look at all targets before the copy')
    .option('--dry-run', 'print what would be done, and change nothing')
    .option('--json', 'print progress, faults, notices and the summary as lines of JSON')
    .option('--quiet', 'print nothing but what goes wrong')
