import { setMaxListeners } from 'node:events'

/** How a copy is ended before its time: by the caller's signal, or by close(). Whoever waits learns of either. */
export class Cancellation {
  readonly #user: AbortSignal | undefined
  readonly #wake: () => void
  readonly #controller = new AbortController()
  readonly #fire = (): void => this.fire()
  /** Settles when it fires. */
  readonly fired: Promise<void>

  /** @param wake called when it fires */
  constructor(user: AbortSignal | undefined, wake: () => void) {
    this.#user = user
    this.#wake = wake
    // each receiver may wait for it: Node would warn of a leak from the eleventh on
    setMaxListeners(0, this.signal)
    this.fired = new Promise((resolve) => this.signal.addEventListener('abort', () => resolve()))
  }

  /** Listens to the caller's signal, until it fires. */
  watch(): void {
    this.#user?.addEventListener('abort', this.#fire)
  }

  fire(): void {
    this.#user?.removeEventListener('abort', this.#fire)
    this.#controller.abort()
    this.#wake()
  }

  /** For waits: fires with either. */
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
