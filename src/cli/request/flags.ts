import { type Command, InvalidArgumentError, Option } from 'commander'

/** The flags of `copy` and `check`, as commander returns them; a flag that was not given is undefined. */
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
  /** False for `--no-check`. */
  readonly check?: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Refuses a second value: commander would drop the first one silently. */
const once = (value: string, previous: string | undefined): string => {
  if (previous !== undefined) throw new InvalidArgumentError('It is given twice.')
  return value
}

const several = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value]

const valued = (flags: string, text: string): Option => new Option(flags, text).argParser(once)
const repeated = (flags: string, text: string): Option => new Option(flags, text).argParser(several)

/** Adds the flags of `copy` and `check`. */
export const addCopyFlags = (command: Command): Command =>
  command
    .optionsGroup('What to read:')
    .addOption(valued('--from <url>', 'the source: a URL, e.g. postgres://ann@db1/app, or libpq keywords'))
    .addOption(valued('--table <name>', 'the table or view to read, e.g. events or audit.events'))
    .addOption(
      valued('--query <sql>', 'the query to read instead of a table; needs --to-table, or a table in --to'),
    )
    .addOption(
      valued(
        '--file <path>',
        'the file of COPY data to read instead: plain, gzip or zstd; - is standard input',
      ),
    )
    .optionsGroup('Where to load it:')
    .addOption(
      repeated(
        '--to <url>',
        'a target; repeat it for each. postgres://db2/app#audit.events names the table to load; file:PATH writes a file, compressed if PATH ends in .gz or .zst; file:- is standard output',
      ),
    )
    .addOption(valued('--to-table <name>', 'the table to load (default: the table of --table)'))
    .addOption(
      valued(
        '--format <format>',
        'auto (default), text, csv or binary; binary needs the same column types at both ends',
      ),
    )
    .option('--header', 'CSV with the column names in its first line')
    .optionsGroup("More steps in each target's transaction:")
    .addOption(repeated('--before <sql>', 'run this statement first; can be repeated'))
    .option('--truncate', 'empty the target table before loading it')
    .option('--freeze', 'load frozen rows, which need no vacuum later; needs --truncate')
    .option('--analyze', 'run ANALYZE on the target table after loading it')
    .addOption(repeated('--after <sql>', 'run this statement last; can be repeated'))
    .optionsGroup('When a target fails or is slow:')
    .addOption(
      valued('--on-fault <what>', 'isolate (default): the other targets go on; abort: no target is loaded'),
    )
    .addOption(
      valued(
        '--retry <times>',
        'how many times to restart a target whose connection or server was lost (default: 0)',
      ),
    )
    .addOption(
      valued(
        '--atomicity <when>',
        'barrier (default): no target commits before all are complete; each: a target commits as soon as it is complete',
      ),
    )
    .addOption(
      valued(
        '--lag <policy>',
        'block (default): all wait for the slowest target; drop:SECONDS: a target that blocks the others for longer fails',
      ),
    )
    .optionsGroup('How to run:')
    .addOption(valued('--config <file>', 'read settings from a JSON or YAML file; flags override it'))
    .option('--no-check', 'do not check the source and the targets before the copy')
    .option('--dry-run', 'print the plan, and change nothing')
    .option('--json', 'print progress, faults, notices and the summary as lines of JSON')
    .option('--quiet', 'print errors only')
