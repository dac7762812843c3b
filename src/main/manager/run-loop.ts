import type { ReceiverFault } from '../../shared/errors/errors.js'
import { oneByOne, together } from '../coordinator/commit-strategy.js'
import type { CopyCoordinator } from '../coordinator/copy-coordinator.js'
import { requireNew } from '../coordinator/copy-state.js'
import type { RetryOptions } from '../options/retry-options.js'
import type { Producer } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'
import { RetryPolicy } from './retry.js'

/** As OnFault, for a manager of type `M`: an import of CopyManager would be a circle. */
type FaultPolicy<M> =
  | 'abort'
  | 'isolate'
  | ((fault: ReceiverFault<Receiver>, manager: M) => void | Promise<void>)

/** What the loop needs of a manager. */
interface Iterated {
  readonly producer: Producer
  next(): Promise<IteratorResult<unknown, undefined>>
}

/** Runs the whole copy of a manager: opens it, iterates to its end, and decides about each fault. */
export class RunLoop<M extends Iterated> {
  readonly #manager: M
  readonly #coordinator: CopyCoordinator
  readonly #onFault: FaultPolicy<M>
  readonly #retries: RetryPolicy

  /**
   * @param retry default: no retry
   * @throws CopyError COPY_OPTION for an illegal `retry`; COPY_STATE when the copy was begun already
   */
  constructor(
    manager: M,
    coordinator: CopyCoordinator,
    onFault: FaultPolicy<M>,
    retry: RetryOptions | undefined,
  ) {
    // not left to open(): a copy that another caller has begun is not ours to close
    requireNew(coordinator.state, 'run')
    this.#manager = manager
    this.#coordinator = coordinator
    this.#onFault = onFault
    this.#retries = new RetryPolicy(coordinator, manager.producer, retry, onFault === 'abort')
  }

  /** @throws CopyFailed, CopyAborted, as CopyManager.run */
  async run(): Promise<void> {
    try {
      // under `abort` one COMMIT that fails should leave as little as possible committed
      await this.#coordinator.open(this.#onFault === 'abort' ? oneByOne : together)
      while (!(await this.#isDone()));
    } finally {
      await this.#coordinator.close('the copy was aborted')
    }
  }

  /** Iterates to the end, or to the next fault. @returns whether the copy is over */
  async #isDone(): Promise<boolean> {
    try {
      while (!(await this.#manager.next()).done);
      return true
    } catch (error) {
      if (!this.#coordinator.isReceiverFault(error)) throw error
      const fault = await this.#retries.take(error)
      if (fault !== undefined) await this.#decide(fault)
      return false
    }
  }

  async #decide(fault: ReceiverFault<Receiver>): Promise<void> {
    const onFault = this.#onFault
    if (onFault === 'isolate') return
    if (onFault === 'abort') return this.#coordinator.fail('another receiver failed', fault)
    try {
      await Promise.race([onFault(fault, this.#manager), this.#coordinator.cancelled])
    } catch (cause) {
      await this.#coordinator.abort('onFault threw', { cause })
    }
    await this.#coordinator.throwIfAborted()
  }
}
