import type { CopyPhase } from '../errors/codes.js'

/** What the server says a backend is doing: fields of pg_stat_activity, and pg_blocking_pids(). */
export interface BackendState {
  readonly processId: number
  /** Such as `active`. */
  readonly state: string | null
  /** Such as `Lock`; null when it does not wait. */
  readonly waitEventType: string | null
  /** Such as `relation`. */
  readonly waitEvent: string | null
  /** Process ids of those that hold the lock it waits for, or stand before it in the queue. */
  readonly blockedBy: readonly number[]
}

/** What was learnt about a backend by a question on another connection. */
export interface WaitDiagnosis {
  readonly backend?: BackendState
  /** Why nothing could be learnt, in a sentence. */
  readonly unasked?: string
}

/** An end of a copy that makes no progress. Neither `backend` nor `unasked`: there is no backend of ours to ask about. */
export interface Slowness extends WaitDiagnosis {
  readonly type: 'slow'
  /** What takes long: connecting, starting the COPY, the COPY, completing it, COMMIT. */
  readonly phase: CopyPhase
  /** Since the last progress. */
  readonly seconds: number
}
