import { type Command, Option } from 'commander'
import { splitFragment } from '../request/target-url.js'
import { usageError, wholeNumber } from '../shell/usage.js'
import { count } from '../text/figures.js'

/** The flags, as commander returns them. */
export interface BenchFlags {
  readonly from?: string
  readonly to?: readonly string[]
  readonly receivers?: string
  readonly rows?: string
  readonly rowBytes?: string
  readonly json?: boolean
}

/** The measurements to make. */
export interface BenchRequest {
  /** Undefined for rows from memory. */
  readonly from: string | undefined
  /** Empty for receivers that discard. */
  readonly to: readonly string[]
  /** Numbers of receivers, one measurement for each number. */
  readonly receivers: readonly number[]
  readonly rows: number
  readonly rowBytes: number
  readonly json: boolean
}

const DEFAULT_RECEIVERS = '1,2,4'
const DEFAULT_ROWS = 1_000_000
const DEFAULT_ROW_BYTES = 100
const MAX_RECEIVERS = 64
const MAX_ROWS = 1_000_000_000
const MAX_ROW_BYTES = 1_000_000

/** Adds the flags of `bench`. */
export const addBenchFlags = (command: Command): Command =>
  command
    .option('--from <url>', 'read rows from this server by COPY (default: rows from memory)')
    .addOption(
      new Option(
        '--to <url>',
        'load this server, into a temporary table; repeat it for each (default: receivers that discard)',
      ).argParser((value: string, list: readonly string[] = []) => [...list, value]),
    )
    .option(
      '--receivers <numbers>',
      `numbers of receivers, one measurement for each number (default: ${DEFAULT_RECEIVERS})`,
    )
    .option('--rows <number>', `rows of each measurement (default: ${count(DEFAULT_ROWS)})`)
    .option('--row-bytes <number>', `bytes of each row (default: ${DEFAULT_ROW_BYTES})`)
    .option('--json', 'print each measurement as a line of JSON')

/** @throws CopyError COPY_OPTION that names the flag and what is legal */
export const readBench = (flags: BenchFlags): BenchRequest => {
  const { from, to = [], json = false } = flags
  const most = to.length > 0 ? to.length : MAX_RECEIVERS
  const wanted = flags.receivers ?? (to.length > 0 ? String(to.length) : DEFAULT_RECEIVERS)
  const receivers = wanted.split(',').map((text) => wholeNumber('--receivers', text.trim(), 1, most))
  for (const url of [...to, ...(from === undefined ? [] : [from])]) {
    if (splitFragment(url, '--to').table !== undefined) {
      throw usageError('bench makes its own rows and temporary tables: leave out # and the table')
    }
  }
  return {
    from,
    to,
    receivers,
    rows: wholeNumber('--rows', flags.rows ?? DEFAULT_ROWS, 1, MAX_ROWS),
    rowBytes: wholeNumber('--row-bytes', flags.rowBytes ?? DEFAULT_ROW_BYTES, 2, MAX_ROW_BYTES),
    json,
  }
}
