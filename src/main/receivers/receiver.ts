import type { ReceiverPlan } from '../../shared/messages/messages.js'
import type { Target } from '../../shared/runner/target.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { SessionSettings } from '../../shared/session/session-settings.js'
import type { StepDeadlines } from '../../shared/session/step-deadlines.js'

/** How a receiver's own count must agree with the producer's before anything is committed. */
export type RowCountRule = 'equal' | 'at-most' | 'any'

/** What the manager gives to a receiver that is to take part. */
export interface ReceiverContext extends StepDeadlines {
  /** Server settings that the caller of the copy wants at both ends. */
  readonly session: SessionSettings
}

/** Where a receiver lives: a worker thread, made from plain data, or the main thread. */
export type Placement =
  | { readonly thread: 'worker'; readonly plan: ReceiverPlan }
  /** `event`: takes what a server sent on its own account, for the manager's listeners. */
  | { readonly thread: 'main'; readonly makeTarget: (event?: (event: ServerEvent) => void) => Target }

/** Where rows go. One manager at a time. To write your own, extend it and `place` a Target on the main thread. */
export abstract class Receiver {
  /** For messages, stats and outcomes; the manager numbers those that were given none. */
  name: string | undefined
  readonly rowCount: RowCountRule = 'equal'
  /** Whether it can give up what it did and begin again: `reconcile(receiver, { from: 'start' })`. */
  readonly canRestart: boolean = true
  /**
   * Whether it lends the ring's memory to code of the user's, from which nobody can take it back: such a receiver is
   * never dropped for its lag.
   */
  readonly lendsSlots: boolean = false
  /** After the end: rows by this receiver's own count; undefined where it has none. */
  count: number | undefined
  /** After the end: the server's command tag, such as `COPY 3`. */
  command: string | undefined

  constructor(name?: string) {
    this.name = name
  }

  /** Called by the manager once, on the main thread. A rejection is this receiver's fault. */
  abstract place(context: ReceiverContext): Promise<Placement>

  /** Called when the copy is over, whatever became of it, also when it ended before this receiver was placed. */
  left(): void {}
}
