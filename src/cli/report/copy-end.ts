import type { CopyError, CopyStats, Outcome } from '../../index.js'
import type { CopyPlan, LeftOut } from '../plan/plan.js'

/** The outcome of a target that was not started. */
export const NOT_STARTED = { state: 'aborted', bytes: 0, seconds: 0, passes: 0, retries: 0 } as const

/** The outcome of a target that was left out; undefined for all others. */
export const outcomeOfLeftOut = (name: string, leftOut: readonly LeftOut[]): Outcome | undefined => {
  const found = leftOut.find((one) => one.name === name)
  return found && { ...NOT_STARTED, name, state: 'dropped', fault: found.fault }
}

/** The result of a copy. */
export interface CopyEnd {
  readonly outcomes: readonly Outcome[]
  readonly stats: CopyStats
  /** Rows, by the servers' count. */
  readonly rows: number | undefined
  readonly seconds: number
  readonly warnings: readonly CopyError[]
  /** The format of the rows, and the reason for it. */
  readonly sent?: Pick<CopyPlan, 'format' | 'why'>
  /** The reason why the copy is not complete. */
  readonly error?: CopyError
}
