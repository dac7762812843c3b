import { type CopyError, ReceiverFault } from '../../shared/errors/errors.js'
import type { CopyCoordinator } from '../coordinator/copy-coordinator.js'
import { checkRetry, MAX_BACKOFF_MS, type RetryOptions } from '../options/retry-options.js'
import type { Producer } from '../producers/producer.js'
import { CallReceiver } from '../receivers/call-receiver.js'
import type { Receiver } from '../receivers/receiver.js'

/** Takes receivers back whose faults may heal by themselves, in a copy that does its own loop. */
export class RetryPolicy {
  readonly #course: CopyCoordinator
  readonly #producer: Producer
  readonly #options: Required<RetryOptions>
  readonly #isAllOrNone: boolean

  /**
   * @param isAllOrNone whether one fault that cannot be retried makes retrying the others pointless
   * @throws CopyError COPY_OPTION
   */
  constructor(
    course: CopyCoordinator,
    producer: Producer,
    retry: RetryOptions | undefined,
    isAllOrNone: boolean,
  ) {
    this.#course = course
    this.#producer = producer
    this.#options = checkRetry(retry)
    this.#isAllOrNone = isAllOrNone
  }

  /**
   * Reconciles from the start what may be retried.
   * @returns the fault of all others; undefined when there are none
   * @throws CopyAborted when the copy is ended meanwhile
   */
  async take(fault: ReceiverFault<Receiver>): Promise<ReceiverFault<Receiver> | undefined> {
    const others = new Map([...fault.faults].filter(([receiver, error]) => !this.#mayRetry(receiver, error)))
    if (others.size === fault.faults.size || (others.size > 0 && this.#isAllOrNone)) return fault
    await this.#course.refuseEnded()
    const retried = [...fault.faults.keys()].filter((receiver) => !others.has(receiver))
    await Promise.all(retried.map((receiver) => this.#retry(receiver)))
    await this.#course.refuseEnded()
    return others.size === 0 ? undefined : new ReceiverFault(others)
  }

  #mayRetry(receiver: Receiver, error: CopyError): boolean {
    const { retries } = this.#course.group.handleOf(receiver).subscription
    if (!error.retryable || retries >= this.#options.times) return false
    return this.#producer.canRepeat && receiver.canRestart && !(receiver instanceof CallReceiver)
  }

  #retry(receiver: Receiver): Promise<void> {
    const { subscription: participation } = this.#course.group.handleOf(receiver)
    participation.retry(Math.min(MAX_BACKOFF_MS, this.#options.backoff * 2 ** participation.retries))
    return this.#course.reconcile(receiver, 'start')
  }
}
