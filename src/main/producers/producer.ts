import type { CopyPhase } from '../../shared/errors/codes.js'
import type { WaitDiagnosis } from '../../shared/liveness/slowness.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { StepDeadlines } from '../../shared/session/step-deadlines.js'
import type { ProducerStream } from './producer-stream.js'

/** The result of a pass. */
export interface ProducerEnd {
  /** Rows by the producer's own count, e.g. from the server's command tag; undefined when it cannot count them. */
  readonly rows?: number
  /** The server's command tag, e.g. `COPY 3`. */
  readonly command?: string
}

/** The manager's arguments for a producer, given before the first pass. */
export interface ProducerContext extends StepDeadlines {
  /** Server settings that the caller of the copy wants at both ends. */
  readonly session: Readonly<Record<string, string | number | boolean>>
  /** Reports a message that a server sent unasked: a notice, a notification, a changed parameter. */
  readonly event: (event: ServerEvent) => void
}

/**
 * Where the rows come from. Main thread; one manager at a time. You may write your own: `produce` is enough.
 * Every method may reject; a rejection of `open` or `produce` is the producer's fault, which ends the copy.
 */
export interface Producer {
  /** For messages and stats. */
  readonly name: string
  /** Whether `produce` may be called again, for a further pass over the same data. */
  readonly canRepeat: boolean
  /** Set by the manager: CopyData messages of one pass that the caller's loop has taken. */
  totalMessages?: number
  /** Set by the manager: payload bytes of one pass that the caller's loop has taken. */
  totalBytes?: number
  /** Set by the manager at the end: `rows` and `command` of the result of `produce`. */
  count?: number | undefined
  command?: string | undefined
  /** Prepares, e.g. connects. Called once, before all other methods. */
  open?(context: ProducerContext): Promise<void>
  /**
   * Produces all rows once, into `stream`, after calling `stream.started()`. It resolves when all rows were delivered:
   * only then do receivers learn that the data is complete.
   */
  produce(stream: ProducerStream): Promise<ProducerEnd>
  /**
   * Stops the `produce` under way, which must then resolve or reject within `deadlineMs`: soon afterwards the copy waits
   * for it no longer. A rejection of `abort` or `close` does not change the outcome of the copy: its error is among the
   * `warnings` of the result, of CopyFailed and CopyAborted, and of the manager.
   */
  abort?(deadlineMs: number): Promise<void>
  /** Releases everything. Called once, when every receiver is final; also after an abort. */
  close?(deadlineMs: number): Promise<void>
  /** The step until `stream.started()`: `connect` or `start`; for reports of a slow producer. */
  readonly phase?: CopyPhase
  /**
   * Asks what a silent producer waits for. `gone` when no row can come any more and `produce` rejects on its own. Must
   * settle soon after `abort` or `close`.
   */
  diagnose?(): Promise<WaitDiagnosis | 'gone' | undefined>
}
