import type { CopyPhase } from '../errors/codes.js'

/** What a backend is doing, as its server says: fields of pg_stat_activity, and pg_blocking_pids(). */
export interface BackendState {
  readonly processId: number
  /** E.g. `active`. */
  readonly state: string | null
  /** E.g. `Lock`; null when the backend does not wait. */
  readonly waitEventType: string | null
  /** E.g. `relation`. */
  readonly waitEvent: string | null
  /** Process ids of the backends that hold the lock it waits for, or stand before it in the lock's queue. */
  readonly blockedBy: readonly number[]
}

/** What another connection learnt about a backend. */
export interface WaitDiagnosis {
  readonly backend?: BackendState
  /** Why it learnt nothing, in a sentence. */
  readonly unasked?: string
}

/** An end of a copy that makes no progress. Without `backend` and `unasked`, there is no backend of ours to ask about. */
export interface Slowness extends WaitDiagnosis {
  readonly type: 'slow'
  /** The step that takes long: connecting, starting the COPY, the COPY, completing it, COMMIT. */
  readonly phase: CopyPhase
  /** Time since the last progress. */
  readonly seconds: number
}
