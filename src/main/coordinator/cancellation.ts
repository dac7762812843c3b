import { setMaxListeners } from 'node:events'
import type { EventCount } from './event-count.js'

/** Ends a copy before its time, by the caller's signal or by close(), and wakes all that wait. */
export class Cancellation {
  readonly #user: AbortSignal | undefined
  readonly #eventCount: EventCount
  readonly #controller = new AbortController()
  readonly #cancel = (): void => this.cancel()
  /** Settles when the copy is cancelled. */
  readonly cancelled: Promise<void>

  /** @param user the caller's signal */
  constructor(user: AbortSignal | undefined, eventCount: EventCount) {
    this.#user = user
    this.#eventCount = eventCount
    // each receiver may wait for it: Node would warn of a leak from the eleventh on
    setMaxListeners(0, this.signal)
    this.cancelled = new Promise((resolve) => this.signal.addEventListener('abort', () => resolve()))
  }

  /** Listens to the caller's signal, until the copy is cancelled. */
  listen(): void {
    this.#user?.addEventListener('abort', this.#cancel)
  }

  cancel(): void {
    this.#user?.removeEventListener('abort', this.#cancel)
    this.#controller.abort()
    this.#eventCount.notify()
  }

  /** For waits: fires when the caller's signal fires, or the copy is closed. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether the caller's signal fired. */
  get isAborted(): boolean {
    return this.#user?.aborted === true
  }

  /** The reason that the caller's signal gave. */
  get reason(): unknown {
    return this.#user?.reason
  }
}
