import type { CopyError } from '../../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'
import type { StatementSession } from '../../../shared/session/session.js'
import type { ProducerContext } from '../producer.js'
import type { CopyOutIntake } from './copy-out-intake.js'

/** Takes bytes for pg's own parser. */
export type Deliver = (bytes: Buffer) => void

/** Where a socket's bytes go. */
export interface Feed {
  readonly intake: CopyOutIntake
  /** The copy was given up: do not wait for room in the ring. */
  readonly isStopped: () => boolean
  /** The connection is made: what follows is for it to begin the COPY. */
  readonly connected: () => void
  /** The stream is out of step and of no more use. */
  readonly broken: (error: CopyError) => void
}

/** What the COPY OUT runs on. */
export interface Source {
  readonly canRepeat: boolean
  open(context: ProducerContext): Promise<void>
  /** Lets the connection's bytes go to `feed` for one pass; `deliverTo` is told who parses what is not CopyData. */
  begin(feed: Feed, deliverTo: (deliver: Deliver) => void): Promise<StatementSession>
  /** The pass is over: the connection stands between two messages, or is closed. */
  passed?(): void
  close(deadlineMs: number): Promise<void>
  /** As Producer.diagnose. */
  diagnose?(): Promise<WaitDiagnosis | 'gone' | undefined>
  /** The copy was given up: ends a connect that is under way. */
  stop?(): void
}
