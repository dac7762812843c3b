import type { ReceiverPlan } from '../../shared/messages/messages.js'
import type { Target } from '../../shared/runner/target.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { SessionSettings } from '../../shared/session/session-settings.js'
import type { StepDeadlines } from '../../shared/session/step-deadlines.js'
import type { ServerAccess } from '../access/server-access.js'

/** How a receiver's row count must agree with the producer's before anything is committed. */
export type RowCountRule = 'equal' | 'at-most' | 'any'

/** What the manager passes to a receiver that takes part in a copy. */
export interface ReceiverContext extends StepDeadlines {
  /** Server settings that the caller of the copy gave for both ends. */
  readonly session: SessionSettings
}

/** Where a receiver runs: in a worker thread, made from plain data, or on the main thread. */
export type Placement =
  | { readonly thread: 'worker'; readonly plan: ReceiverPlan }
  | {
      readonly thread: 'main'
      /** `event` takes what a server sent without being asked, for the manager's listeners. */
      readonly makeTarget: (event?: (event: ServerEvent) => void) => Target
      /** Reaches the server again when the answer to a COMMIT was lost. @hidden */
      readonly server?: ServerAccess
    }

/**
 * Where rows go. A receiver belongs to one manager at a time. To write your own, extend this class and `place` a Target on
 * the main thread.
 */
export abstract class Receiver {
  /** For messages, stats and outcomes. The manager numbers receivers without a name. */
  name: string | undefined
  readonly rowCount: RowCountRule = 'equal'
  /** Whether the receiver can undo its work and begin again: `reconcile(receiver, { from: 'start' })`. */
  readonly canRestart: boolean = true
  /**
   * Whether the receiver lends the ring's memory to the user's code. The memory cannot be taken back, so such a receiver is
   * never dropped for its lag.
   */
  readonly lendsSlots: boolean = false
  /** After the end: rows by this receiver's own count; undefined where the receiver does not count. */
  count: number | undefined
  /** After the end: the server's command tag, e.g. `COPY 3`. */
  command: string | undefined

  constructor(name?: string) {
    this.name = name
  }

  /** The manager calls this once, on the main thread. A rejection is a fault of this receiver. */
  abstract place(context: ReceiverContext): Promise<Placement>

  /** The manager calls this when the copy is over, whatever its result, also when the copy ended before `place`. */
  release(): void {}
}
