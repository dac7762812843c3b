import { CopyError, ReceiverFault } from '../../shared/errors/errors.js'
import type { CopyCourse } from '../coordinator/copy-coordinator.js'
import { refuseUnknown } from '../options/unknown-option.js'
import type { Producer } from '../producers/producer.js'
import { CallReceiver, type Receiver } from '../receivers/receiver.js'

/**
 * What heals by itself is tried again by itself: a fault that is `retryable` reconciles its receiver from the start,
 * and a further pass feeds it, while the others are complete and wait, or have committed under `atomicity: 'each'`.
 * Never data that a server refuses, a full disk, a wrong password, rows that do not agree, or a COMMIT that is in
 * doubt; never a client of yours, a CallReceiver, or the receivers of a source that can run only once.
 */
export interface RetryOptions {
  /** How often for each receiver, 0 to 1,000. Each time it cannot be connected again counts. */
  readonly times: number
  /**
   * How long after the first fault a further pass begins at the earliest, in milliseconds, 0 to 60,000; 1,000 unless
   * given. It doubles with each further time, up to 60,000.
   */
  readonly backoff?: number
}

const DEFAULT_BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 60_000
const MAX_TIMES = 1000

/** @throws CopyError COPY_OPTION naming what is wrong and what is legal */
const checkRetry = (retry: RetryOptions = { times: 0 }): Required<RetryOptions> => {
  if (typeof retry !== 'object' || retry === null) {
    throw new CopyError('COPY_OPTION', 'retry must be { times, backoff }')
  }
  refuseUnknown(retry, ['times', 'backoff'], 'option retry.')
  const { times, backoff = DEFAULT_BACKOFF_MS } = retry
  if (!(Number.isInteger(times) && times >= 0 && times <= MAX_TIMES)) {
    throw new CopyError(
      'COPY_OPTION',
      `retry.times must be a whole number from 0 to ${MAX_TIMES}, not ${String(times)}`,
    )
  }
  if (!(typeof backoff === 'number' && backoff >= 0 && backoff <= MAX_BACKOFF_MS)) {
    throw new CopyError(
      'COPY_OPTION',
      `retry.backoff must be milliseconds from 0 to ${MAX_BACKOFF_MS}, not ${String(backoff)}`,
    )
  }
  return { times, backoff }
}

/** Takes receivers back whose faults may heal by themselves, in a copy that does its own loop. */
export class Retrying {
  readonly #course: CopyCourse
  readonly #producer: Producer
  readonly #options: Required<RetryOptions>
  readonly #isAllOrNone: boolean

  /**
   * @param isAllOrNone whether one fault that cannot be retried makes retrying the others pointless
   * @throws CopyError COPY_OPTION
   */
  constructor(course: CopyCourse, producer: Producer, retry: RetryOptions | undefined, isAllOrNone: boolean) {
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
    const { retries } = this.#course.group.handleOf(receiver).participation
    if (!error.retryable || retries >= this.#options.times) return false
    return this.#producer.canRepeat && receiver.canRestart && !(receiver instanceof CallReceiver)
  }

  #retry(receiver: Receiver): Promise<void> {
    const { participation } = this.#course.group.handleOf(receiver)
    participation.retry(Math.min(MAX_BACKOFF_MS, this.#options.backoff * 2 ** participation.retries))
    return this.#course.reconcile(receiver, 'start')
  }
}
