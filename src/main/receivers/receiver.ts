import { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverPlan } from '../../shared/messages/messages.js'
import { CallTarget, type SliceCallable } from '../../shared/runner/call-target.js'
import type { Target } from '../../shared/runner/target.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { SessionSettings } from '../../shared/session/session-settings.js'
import type { StepLimits } from '../../shared/session/step-deadlines.js'

/** How a receiver's own count must agree with the producer's before anything is committed. */
export type RowCountRule = 'equal' | 'at-most' | 'any'

/** What the manager gives to a receiver that is to take part. */
export interface ReceiverContext extends StepLimits {
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

export interface CallReceiverOptions {
  readonly name?: string
  /**
   * Lends the slot itself instead of a private copy: valid only until the returned promise settles. The others wait for
   * that, also under `lag: { policy: 'drop' }`.
   */
  readonly zeroCopy?: boolean
  /** With a module URL: the name of the export to call; `default` unless given. */
  readonly exportName?: string
}

/**
 * Hands each slice to a function: a function on the main thread, or the export of a module, given by its URL, in a
 * worker thread. The next slice comes when what it returned has settled; what it throws is this receiver's fault.
 *
 * Nobody can stop a function. Dropped for its lag (`lag: { policy: 'drop' }`), it is given no more slices, and what it
 * does with the last one goes on beside the copy. Reconciled from the start, it begins again when that has settled, and
 * `slice.pass` tells; `retry` never does that by itself, since what it did with the rows is not ours to undo.
 */
export class CallReceiver extends Receiver {
  readonly #call: SliceCallable | URL | string
  readonly #options: CallReceiverOptions
  override readonly lendsSlots: boolean

  /** @throws CopyError COPY_OPTION when it is neither a function nor a URL */
  constructor(call: SliceCallable | URL | string, options: CallReceiverOptions = {}) {
    super(options.name)
    if (typeof call !== 'function' && !URL.canParse(String(call))) {
      throw new CopyError(
        'COPY_OPTION',
        'a CallReceiver takes a function, or the URL of a module, such as new URL("./load.js", import.meta.url)',
      )
    }
    this.#call = call
    this.#options = options
    this.lendsSlots = options.zeroCopy === true
  }

  async place(): Promise<Placement> {
    const { zeroCopy = false, exportName = 'default' } = this.#options
    const call = this.#call
    if (typeof call === 'function')
      return { thread: 'main', makeTarget: () => new CallTarget(call, zeroCopy) }
    return { thread: 'worker', plan: { kind: 'module', url: String(call), exportName, zeroCopy } }
  }
}

/** Discards everything, in a worker thread: for tests, and to measure what the rest costs. */
export class NullReceiver extends Receiver {
  async place(): Promise<Placement> {
    return { thread: 'worker', plan: { kind: 'null' } }
  }
}
