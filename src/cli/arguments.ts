import { parseArgs } from 'node:util'
import { CopyError, type OnFault } from '../index.js'
import { quoteTable } from './table-name.js'

export const USAGE = `Usage: copyman copy --from URL (--table NAME | --query SQL) --to URL [--to URL …] [options]

Reads one table or query and loads any number of PostgreSQL servers from it at once.

  --from URL           the source, such as postgres://ann@db1/app
  --table NAME         the table to read, such as events or audit.events
  --query SQL          the query to read instead of a table; needs --to-table
  --to URL             a target; give it once for each
  --to-table NAME      the table to load; that of --table unless given
  --format FORMAT      text (default), csv or binary; binary needs the same column types at both ends
  --truncate           empty the target table first, in the same transaction
  --on-fault WHAT      isolate (default): the others go on; abort: nothing is loaded anywhere
  --json               print the summary as one line of JSON
  --quiet              print nothing on success
  --help, --version

Exit status: 0 every target is loaded, 1 none, 2 wrong usage, 3 some. A password in an argument can be seen by every
user of this machine; PGPASSWORD cannot.

Example: copyman copy --from postgres://db1/app --table events --to postgres://db2/app --to postgres://db3/app
`

/** What the command line asks for. */
export interface CopyArguments {
  readonly from: string
  readonly source: string
  readonly to: readonly string[]
  readonly table: string
  readonly format: string
  readonly truncate: boolean
  readonly onFault: Exclude<OnFault, (...args: never[]) => unknown>
  readonly json: boolean
  readonly quiet: boolean
}

const FORMATS = ['text', 'csv', 'binary']

/**
 * Reads the command line.
 * @throws CopyError COPY_OPTION that names the flag and what is right
 */
export const parseCommand = (args: string[]): CopyArguments | 'help' | 'version' => {
  const { values, positionals } = parse(args)
  if (values.help || positionals[0] === 'help') return 'help'
  if (values.version) return 'version'
  if (positionals.length !== 1 || positionals[0] !== 'copy') {
    throw wrong(`the command is "copy", not ${JSON.stringify(positionals.join(' '))}`)
  }
  const { from, table, query, to = [], format = 'text' } = values
  if (from === undefined) throw wrong('--from is missing: the URL of the source')
  if (to.length === 0) throw wrong('--to is missing: the URL of a target')
  if ((table === undefined) === (query === undefined)) throw wrong('give either --table or --query')
  const toTable = values['to-table'] ?? table
  if (toTable === undefined) throw wrong('--query needs --to-table: the table to load')
  if (!FORMATS.includes(format))
    throw wrong(`--format must be one of ${FORMATS.join(', ')}, not ${JSON.stringify(format)}`)
  const onFault = values['on-fault'] ?? 'isolate'
  if (onFault !== 'isolate' && onFault !== 'abort') {
    throw wrong(`--on-fault must be isolate or abort, not ${JSON.stringify(onFault)}`)
  }
  return {
    from,
    source: table === undefined ? `(${query})` : quoteTable(table, '--table'),
    to,
    table: quoteTable(toTable, '--to-table'),
    format,
    truncate: values.truncate === true,
    onFault,
    json: values.json === true,
    quiet: values.quiet === true,
  }
}

const parse = (args: string[]) => {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        table: { type: 'string' },
        query: { type: 'string' },
        to: { type: 'string', multiple: true },
        'to-table': { type: 'string' },
        format: { type: 'string' },
        truncate: { type: 'boolean' },
        'on-fault': { type: 'string' },
        json: { type: 'boolean' },
        quiet: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw wrong((error as Error).message)
  }
}

const wrong = (message: string): CopyError => new CopyError('COPY_OPTION', message)
