import type { ServerAddress } from '../../../index.js'
import type { ServerFacts, TableFacts } from '../catalog/facts.js'
import type { Finding } from '../catalog/finding.js'
import type { Estimate } from '../catalog/inspect-query.js'
import type { FormatChoice } from '../compare/choose-format.js'

/** One end, and everything that was found there. */
export interface CheckedEnd {
  readonly name: string
  /** Where it is, without a password; undefined where even that is not known. */
  readonly address: ServerAddress | undefined
  readonly server: ServerFacts | undefined
  readonly table: TableFacts | undefined
  readonly findings: readonly Finding[]
  /** Nothing was found that would make the copy fail here. */
  readonly ok: boolean
}

export interface CheckedTarget extends CheckedEnd {
  /** The columns to load, in the order of the stream, as COPY lists them; undefined where COPY is to have no list. */
  readonly columns: string | undefined
}

export interface CheckReport {
  /** The source and all targets are well. */
  readonly ok: boolean
  /** The exit status of `copyman check`: 0 all well, 1 something would fail, 2 the call itself is wrong. */
  readonly status: 0 | 1 | 2
  /** Undefined for a file. */
  readonly source: CheckedEnd | undefined
  readonly targets: readonly CheckedTarget[]
  /** By which format the targets that are well can be loaded, and why. */
  readonly format: FormatChoice
  /** What stands between COPY and TO STDOUT; undefined when the source cannot be read, or is a file. */
  readonly copiedFrom: string | undefined
  /** By the source's planner. */
  readonly estimate: Estimate | undefined
}
