import type { AbortReason } from '../../shared/messages/messages.js'
import type { LinkedRunner } from '../links/linked-runner.js'
import type { RingSubscription } from './ring-subscription.js'

/** Releases what a receiver holds: first its runner's work, then its cursor. One release after another. */
export class ReleaseQueue {
  readonly #runner: LinkedRunner
  readonly #subscription: RingSubscription
  #last: Promise<unknown> = Promise.resolve()

  constructor(runner: LinkedRunner, subscription: RingSubscription) {
    this.#runner = runner
    this.#subscription = subscription
  }

  /** Settles when all that was to be released so far is released. */
  get settled(): Promise<unknown> {
    return this.#last
  }

  /** Does this work after all work that was added before. */
  add<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn
    return turn
  }

  /** @returns false for a thread in a call that blocks: its slots are not free before that call returns */
  async release(reason: AbortReason, deadlineMs: number): Promise<boolean> {
    const isReleased = await this.#runner.abort(reason, deadlineMs)
    if (isReleased) this.#subscription.unsubscribe()
    return isReleased
  }

  /** Goes on without a thread that does not end. Its slots stay in use until it has ended. */
  abandon(): void {
    this.#runner.abandon().then(() => this.#subscription.unsubscribe())
  }
}
