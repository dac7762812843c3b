import { type CopyError, ReceiverFault } from '../../shared/errors/errors.js'
import type { CopyCoordinator } from '../coordinator/copy-coordinator.js'
import { checkRetry, MAX_BACKOFF_MS, type RetryOptions } from '../options/retry-options.js'
import type { Producer } from '../producers/producer.js'
import { CallReceiver } from '../receivers/call-receiver.js'
import type { Receiver } from '../receivers/receiver.js'

/** Reconciles receivers after transient faults, in a copy that runs its own loop. */
export class RetryPolicy {
  readonly #coordinator: CopyCoordinator
  readonly #producer: Producer
  readonly #options: Required<RetryOptions>
  readonly #isAllOrNone: boolean

  /**
   * @param isAllOrNone whether one fault that cannot be retried makes a retry of the others pointless
   * @throws CopyError COPY_OPTION
   */
  constructor(
    coordinator: CopyCoordinator,
    producer: Producer,
    retry: RetryOptions | undefined,
    isAllOrNone: boolean,
  ) {
    this.#coordinator = coordinator
    this.#producer = producer
    this.#options = checkRetry(retry)
    this.#isAllOrNone = isAllOrNone
  }

  /**
   * Reconciles from the start the receivers that may be retried.
   * @returns the fault of all others; undefined when there are none
   * @throws CopyAborted when the copy is ended meanwhile
   */
  async take(fault: ReceiverFault<Receiver>): Promise<ReceiverFault<Receiver> | undefined> {
    const others = new Map([...fault.faults].filter(([receiver, error]) => !this.#mayRetry(receiver, error)))
    if (others.size === fault.faults.size || (others.size > 0 && this.#isAllOrNone)) return fault
    await this.#coordinator.throwIfAborted()
    const retried = [...fault.faults.keys()].filter((receiver) => !others.has(receiver))
    await Promise.all(retried.map((receiver) => this.#retry(receiver)))
    await this.#coordinator.throwIfAborted()
    return others.size === 0 ? undefined : new ReceiverFault(others)
  }

  #mayRetry(receiver: Receiver, error: CopyError): boolean {
    if (!error.retryable || this.#coordinator.retriesOf(receiver) >= this.#options.times) return false
    return this.#producer.canRepeat && receiver.canRestart && !(receiver instanceof CallReceiver)
  }

  #retry(receiver: Receiver): Promise<void> {
    const pauseMs = this.#options.backoff * 2 ** this.#coordinator.retriesOf(receiver)
    return this.#coordinator.retry(receiver, Math.min(MAX_BACKOFF_MS, pauseMs))
  }
}
