import { EventEmitter } from 'node:events'
import type { CopyError, ReceiverFault } from '../../shared/errors/errors.js'
import { refuseSameClient } from '../clients/client-session.js'
import type { CopyCoordinator } from '../coordinator/copy-coordinator.js'
import { EventCount } from '../coordinator/event-count.js'
import { makeCoordinator } from '../coordinator/make-coordinator.js'
import type { Cycle } from '../coordinator/passes.js'
import { type CopyManagerOptions, checkOptions } from '../options/copy-options.js'
import type { RetryOptions } from '../options/retry-options.js'
import type { Producer } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'
import { Diagnostics } from './diagnostics.js'
import type { CopyManagerEvents } from './events.js'
import { Observers } from './observers.js'
import { type CopyResult, type CopyStats, type Outcome, outcomeOf, resultOf, statsOf } from './outcome.js'
import { RunLoop } from './run-loop.js'

/**
 * What `run()` and `copy()` do about a receiver's fault. `abort`: the copy ends. `isolate`: the others go on. Or a
 * function, which may reconcile.
 */
export type OnFault =
  | 'abort'
  | 'isolate'
  | ((fault: ReceiverFault<Receiver>, manager: CopyManager) => void | Promise<void>)

/**
 * Moves the rows of one producer to many receivers. Call `open()`, iterate to the end, and call `close()`; or let `run()`
 * do all three. The caller's loop sets the pace: when it stops calling `next()`, the copy stops at most one ring later.
 *
 * When `next()` rejects with a ReceiverFault, the copy is not over: iterate on, and the faulted receivers are dropped.
 * `next()` returns `done` only when every receiver is final.
 */
export class CopyManager extends EventEmitter<CopyManagerEvents> implements AsyncIterableIterator<Cycle> {
  readonly producer: Producer
  /** Receivers that are taking part: a faulted receiver leaves the set, until it is reconciled. Live. */
  readonly receivers: ReadonlySet<Receiver>
  /** As in CopyResult: failures that did not change the outcomes. Live. */
  readonly warnings: readonly CopyError[]
  readonly #coordinator: CopyCoordinator
  #turn: Promise<unknown> = Promise.resolve()

  /** @throws CopyError COPY_OPTION for illegal options */
  constructor(producer: Producer, receivers: readonly Receiver[], options: CopyManagerOptions = {}) {
    super()
    refuseSameClient([producer, ...receivers])
    this.producer = producer
    const eventCount = new EventCount()
    const diagnostics = new Diagnostics<CopyManager>(this, () => this.#result())
    const observer = new Observers(receivers, this, diagnostics, eventCount)
    this.receivers = observer.receivers
    this.warnings = observer.warnings
    this.#coordinator = makeCoordinator({
      producer,
      receivers,
      options: checkOptions(options),
      observer,
      eventCount,
      warnings: observer.warnings,
    })
  }

  /**
   * Connects everything and starts the copy at both ends.
   * @throws CopyFailed when the producer cannot start; a receiver that cannot start is a fault of the first cycle
   * @throws CopyAborted when the signal has fired
   */
  open(): Promise<void> {
    return this.#coordinator.open()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * Waits until something was moved since the last turn, and returns it; `done` when every receiver is final.
   * @throws ReceiverFault once for each cycle in which receivers faulted; call `next()` again to go on without them
   * @throws CopyFailed when the producer failed, or no receiver is left
   * @throws CopyAborted when the signal fired
   */
  next(): Promise<IteratorResult<Cycle, undefined>> {
    const turn = this.#turn.then(() => this.#coordinator.next())
    this.#turn = turn.catch(() => undefined)
    return turn.then((value) => (value === undefined ? { done: true, value } : { done: false, value }))
  }

  /** `for await` calls this when its body leaves the loop early. Aborts the copy. @throws CopyAborted */
  async return(): Promise<IteratorResult<Cycle, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  /**
   * Runs the whole copy: opens it, iterates to the end, and closes it.
   * @param options.onFault default: `abort`, a receiver's fault ends the copy, and nothing is loaded anywhere
   * @param options.retry reconciles receivers from the start after transient faults; `onFault` decides about all other
   *   faults. Under `abort`, one fault that cannot be retried ends all retries. Default: no retry
   * @throws CopyFailed, CopyAborted; CopyError COPY_OPTION for an illegal `retry`
   */
  async run(
    options: { readonly onFault?: OnFault; readonly retry?: RetryOptions } = {},
  ): Promise<CopyResult> {
    await new RunLoop<CopyManager>(this, this.#coordinator, options.onFault ?? 'abort', options.retry).run()
    return this.#result()
  }

  /**
   * Takes a faulted receiver back. Call it before the next turn of the loop, which drops the receiver otherwise.
   * `cursor`: the receiver goes on where it stopped; a callable gets again the slice on which it threw, and a stalled
   * connection goes on after the slices that it was handed. `start`: the receiver rolls back, and joins a further pass
   * over the same data, together with all others that wait for a pass. Default: `cursor`. Resolves when the reconcile is
   * accepted, before that pass.
   * @throws CopyError COPY_STATE when it is not possible: no fault; a lost connection or refused data (`cursor`); a
   *   producer that cannot run again, or a COMMIT in doubt (`start`); a copy that is over
   */
  reconcile(receiver: Receiver, options: { readonly from?: 'cursor' | 'start' } = {}): Promise<void> {
    return this.#coordinator.reconcile(receiver, options.from ?? 'cursor')
  }

  /**
   * Adds a receiver to a copy under way: a further pass over the same data feeds it.
   * @throws CopyError COPY_STATE when the copy is over, or its producer cannot run again
   */
  attach(receiver: Receiver): void {
    const others = this.#coordinator.receivers.map((view) => view.receiver)
    refuseSameClient([this.producer, ...others, receiver])
    this.#coordinator.attach(receiver)
  }

  /** Ends the copy and releases everything. Before `done` this is an abort. @throws CopyAborted for an abort */
  async close(): Promise<void> {
    const { state } = this.#coordinator
    if (state === 'opening' || state === 'open') {
      await this.#coordinator.abort('the copy was closed before its end')
    }
    await this.#coordinator.close('the copy was aborted')
  }

  /** Ends the copy and releases everything, without an error that would hide another one. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#coordinator.close('the copy was aborted')
  }

  /** How far every receiver is, and which ones hold the others up. Cheap; callable at any time. */
  stats(): CopyStats {
    const { receivers, progress, holdingUp } = this.#coordinator
    return statsOf(receivers, progress, holdingUp)
  }

  /** The outcome of each receiver, in the order in which the caller gave them. */
  get outcomes(): readonly Outcome[] {
    const coordinator = this.#coordinator
    return coordinator.receivers.map((view) => outcomeOf(view, coordinator.retriesOf(view.receiver)))
  }

  #result(): CopyResult {
    return resultOf(this.outcomes, this.#coordinator.progress, this.warnings)
  }
}
