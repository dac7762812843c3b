import type { CopyPhase } from '../../shared/errors/codes.js'
import type { WaitDiagnosis } from '../../shared/liveness/slowness.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { StepDeadlines } from '../../shared/session/step-deadlines.js'
import type { ProducerStream } from './producer-stream.js'

/** What a producer knows when a pass is over. */
export interface ProducerEnd {
  /** Rows by the producer's own count, such as the server's command tag; undefined when it cannot count them. */
  readonly rows?: number
  /** The server's command tag, such as `COPY 3`. */
  readonly command?: string
}

/** What the manager gives to a producer before the first pass. */
export interface ProducerContext extends StepDeadlines {
  /** Server settings that the caller of the copy wants at both ends. */
  readonly session: Readonly<Record<string, string | number | boolean>>
  /** Tells the caller of something that a server sent on its own account. */
  readonly event: (event: ServerEvent) => void
}

/**
 * Where the rows come from. Main thread; one manager at a time. Anyone may write one: `produce` is enough.
 * Every method may reject; a rejection of `open` or `produce` is the producer's fault, which ends the copy.
 */
export interface Producer {
  /** For messages and stats. */
  readonly name: string
  /** Whether `produce` may be called once more, for a further pass over the same data. */
  readonly canRepeat: boolean
  /** Set by the manager: CopyData messages of one pass that the caller's loop has taken. */
  totalMessages?: number
  /** Set by the manager: payload bytes of one pass that the caller's loop has taken. */
  totalBytes?: number
  /** Set by the manager at the end: what `produce` gave as rows and command. */
  count?: number | undefined
  command?: string | undefined
  /** Prepares, such as connecting. Called once, before anything else. */
  open?(context: ProducerContext): Promise<void>
  /**
   * Produces all rows once, into `stream`, after calling `stream.started()`. It resolves when nothing is left to come
   * and everything was delivered: only then are receivers told that the data is complete.
   */
  produce(stream: ProducerStream): Promise<ProducerEnd>
  /**
   * Stops the `produce` under way, which then settles within `deadlineMs` either way: soon afterwards it is left to
   * itself. What this rejects with, and `close`, changes nothing of the copy: it is among the `warnings` of the result,
   * of CopyFailed and CopyAborted, and of the manager.
   */
  abort?(deadlineMs: number): Promise<void>
  /** Lets go of everything. Called once, when every receiver is final; also after an abort. */
  close?(deadlineMs: number): Promise<void>
  /** Until `stream.started()`, what it does: `connect` or `start`. To tell of a producer that is slow. */
  readonly phase?: CopyPhase
  /**
   * Asks what a producer waits for from which nothing comes. `gone` when nothing can come any more and `produce` rejects
   * for that. It must settle soon after `abort` or `close`.
   */
  diagnose?(): Promise<WaitDiagnosis | 'gone' | undefined>
}
