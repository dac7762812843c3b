import type { CopyError } from '../../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'
import type { StatementSession } from '../../../shared/session/session.js'
import type { ProducerContext } from '../producer.js'
import type { CopyOutIntake } from './copy-out-intake.js'

/** Where a socket's bytes go, and the events of the connection. One object for all passes of a producer. */
export interface Feed {
  /** Takes all bytes. The source sets its `passThrough` to pg's own parser. */
  readonly intake: CopyOutIntake
  /** The copy was aborted: do not wait for room in the ring. */
  readonly isStopped: () => boolean
  /** The connection is made: the COPY begins next. */
  readonly connected: () => void
  /** The stream is out of step and of no more use. */
  readonly broken: (error: CopyError) => void
}

/** The connection of a COPY OUT: ours, a user's client, or a client of a user's pool. */
export interface Source {
  /** Whether further passes are possible. */
  readonly canRepeat: boolean
  open(context: ProducerContext): Promise<void>
  /** Connects if needed, and leads the connection's bytes to `feed` for one pass. */
  begin(feed: Feed): Promise<StatementSession>
  /** The pass is over: leads the bytes back to pg's parser. The connection stands between two messages, or is closed. */
  release?(): void
  /** The copy was aborted: ends a connect that is under way. */
  cancel?(): void
  close(deadlineMs: number): Promise<void>
  /** As Producer.diagnose. */
  diagnose?(): Promise<WaitDiagnosis | 'gone' | undefined>
}
