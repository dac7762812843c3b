import type { CopyError, CopyStats, Outcome } from '../../index.js'
import type { CopyPlan, LeftOut } from '../plan/plan.js'

export const NOTHING_YET = { state: 'aborted', bytes: 0, seconds: 0, passes: 0, retries: 0 } as const

/** What became of a target that was not even tried; undefined for all others. */
export const outcomeOfLeftOut = (name: string, leftOut: readonly LeftOut[]): Outcome | undefined => {
  const found = leftOut.find((one) => one.name === name)
  return found && { ...NOTHING_YET, name, state: 'dropped', fault: found.fault }
}

/** What became of a copy that was begun. */
export interface CopyEnd {
  readonly outcomes: readonly Outcome[]
  readonly stats: CopyStats
  /** Rows by the servers' own count. */
  readonly rows: number | undefined
  readonly seconds: number
  readonly warnings: readonly CopyError[]
  /** How the rows were sent, and why so. */
  readonly sent?: Pick<CopyPlan, 'format' | 'why'>
  /** Why it did not come to its end. */
  readonly error?: CopyError
}
