import type { CopyError } from '../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../shared/liveness/slowness.js'
import type { CopyProgress } from '../coordinator/copy-progress.js'
import type { ReceiverView } from '../handles/copy-observer.js'
import type { ReceiverState } from '../handles/receiver-state.js'

/** The outcome of one receiver. */
export interface Outcome {
  readonly name: string
  readonly state: ReceiverState
  /** Rows by the receiver's own count; undefined for one that does not count, or did not get that far. */
  readonly rows?: number
  /** Payload bytes that it has released, in its last pass. */
  readonly bytes: number
  /** From the begin of its pass to its completion; 0 for one that never completed. */
  readonly seconds: number
  /** Passes that it took part in: more than 1 after a reconcile from the start. */
  readonly passes: number
  /** How often `retry` reconciled it from the start. */
  readonly retries: number
  readonly fault?: CopyError
}

/** The result of a copy. */
export interface CopyResult {
  /** CopyData messages of one pass, as PostgreSQL sends them. */
  readonly messages: number
  /** Rows by the producer's command tag, else by the first receiver that counts; undefined where none does. */
  readonly rows?: number
  /** Payload bytes of one pass, without framing. */
  readonly bytes: number
  /** From the producer's first slice to the last completion. */
  readonly seconds: number
  /** Connecting, starting threads, and starting COPY at both ends. */
  readonly openSeconds: number
  /** In the order in which the caller gave the receivers. */
  readonly receivers: readonly Outcome[]
  /**
   * What failed while the copy released its resources, e.g. in the producer's own `close()`: all commits stand. Also an
   * error of the phase `commit` for each COMMIT whose answer was lost, but which the server reported as committed.
   */
  readonly warnings: readonly CopyError[]
}

/** How far one receiver is in its pass. */
export interface ReceiverStats {
  readonly name: string
  readonly state: ReceiverState
  readonly messages: number
  readonly bytes: number
  /** Bytes that are published and that it has not released. */
  readonly lagBytes: number
  /** Share of the ring's slots that it has not released, 0 to 1. */
  readonly ringShare: number
  /**
   * Whether the copy waits for it at this moment: the ring is full and it still holds more than half of the slots, or the
   * source has ended and it has data left to take. One moment may be chance: to show this, average several calls.
   */
  readonly holdsUp: boolean
  /**
   * What its backend waited for, as its server said last in this pass. `stats()` asks the server, on another connection
   * and at most once in 5 s, when this receiver alone has held the others up for 2 s; the answer is in a later call.
   * Undefined before, and for receivers without a connection of copyman's own.
   */
  readonly diagnosis?: WaitDiagnosis
}

export interface CopyStats {
  readonly pass: number
  readonly messages: number
  readonly bytes: number
  /** From the first slice until now, or until the end. */
  readonly seconds: number
  readonly receivers: readonly ReceiverStats[]
}

/** @param retries how often `retry` reconciled it from the start */
export const outcomeOf = (receiver: ReceiverView, retries: number): Outcome => ({
  name: receiver.name,
  state: receiver.state,
  ...(receiver.completion?.rows !== undefined && { rows: receiver.completion.rows }),
  bytes: receiver.subscription.progress.bytes,
  seconds: receiver.timer.seconds,
  passes: receiver.timer.passes,
  retries,
  ...(receiver.fault !== undefined && { fault: receiver.fault }),
})

/** @param holdingUp the receivers that hold the others up at this moment */
export const statsOf = (
  receivers: readonly ReceiverView[],
  progress: CopyProgress,
  holdingUp: readonly ReceiverView[],
): CopyStats => {
  const { pass, totals, first, seconds } = progress
  const stats = receivers.map((receiver) => {
    const { name, state, completion, subscription, runner } = receiver
    const { ringShare } = subscription
    const { messages, bytes } = subscription.progress
    // a receiver that is complete has what the first pass moved, whatever pass is under way
    const due = completion === undefined ? totals : first
    return {
      name,
      state,
      messages,
      bytes,
      lagBytes: Math.max(0, due.bytes - bytes),
      ringShare,
      holdsUp: holdingUp.includes(receiver),
      ...(runner.diagnosis !== undefined && { diagnosis: runner.diagnosis }),
    }
  })
  return { pass, messages: totals.messages, bytes: totals.bytes, seconds, receivers: stats }
}

export const resultOf = (
  receivers: readonly Outcome[],
  { first, seconds, openSeconds }: CopyProgress,
  warnings: readonly CopyError[],
): CopyResult => {
  const { messages, bytes, end } = first
  const rows = end?.rows ?? receivers.find((outcome) => outcome.rows !== undefined)?.rows
  return { messages, bytes, ...(rows !== undefined && { rows }), seconds, openSeconds, receivers, warnings }
}
