import type { ServerAddress } from '../../../index.js'
import type { Estimate } from '../../sql/copy-source.js'
import type { ServerFacts, TableFacts } from '../catalog/facts.js'
import type { Finding } from '../catalog/finding.js'
import type { FormatChoice } from '../compare/choose-format.js'

/** One end and its findings. */
export interface CheckedEnd {
  readonly name: string
  /** The address, without a password; undefined if it could not be determined. */
  readonly address: ServerAddress | undefined
  readonly server: ServerFacts | undefined
  readonly table: TableFacts | undefined
  readonly findings: readonly Finding[]
  /** There is no finding of severity `error`. */
  readonly ok: boolean
}

export interface CheckedTarget extends CheckedEnd {
  /** The columns to load, in the order of the stream, as COPY lists them; undefined for COPY without a list. */
  readonly columns: string | undefined
}

export interface CheckReport {
  /** There is no error at any end. */
  readonly ok: boolean
  /** The exit status of `copyman check`: 0 no errors, 1 the copy would fail at an end, 2 wrong usage. */
  readonly status: 0 | 1 | 2
  /** Undefined for a file. */
  readonly source: CheckedEnd | undefined
  readonly targets: readonly CheckedTarget[]
  /** The format for the targets without errors, and the reason for it. */
  readonly format: FormatChoice
  /** The text between COPY and TO STDOUT; undefined when the source cannot be read, or is a file. */
  readonly copiedFrom: string | undefined
  /** The size of the source, as guessed by its planner. */
  readonly estimate: Estimate | undefined
}
