import { abortable } from '../../shared/async/deadline.js'
import { asCopyError, CopyError, type ReceiverFault } from '../../shared/errors/errors.js'
import type { AbortReason, ReceiverEvent } from '../../shared/messages/messages.js'
import type { ReceiverView } from '../handles/copy-observer.js'
import type { PassStart } from '../handles/handle-context.js'
import type { ProducerEnd } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'
import { compareRows } from './commit-barrier.js'
import { type CommitStrategy, together } from './commit-strategy.js'
import type { CoordinatorParts } from './coordinator-parts.js'
import { contextOf, progressLimitsOf } from './copy-context.js'
import { type CopyProgress, progressOf } from './copy-progress.js'
import { type CopyState, requireNew, requireOpen } from './copy-state.js'
import { watchLag } from './lag-watch.js'
import { type Cycle, requireFurtherPass } from './passes.js'
import { ReportedFaults } from './reported-faults.js'
import { RetrySchedule } from './retry-schedule.js'

/** Coordinates one copy: opening, turns of the loop, passes, commit barrier, close. CopyManager is its public face. */
export class CopyCoordinator {
  readonly #parts: CoordinatorParts
  readonly #reportedFaults = new ReportedFaults()
  readonly #retries = new RetrySchedule()
  #strategy: CommitStrategy = together
  #state: CopyState = 'new'
  #lastFault: ReceiverFault<Receiver> | undefined

  constructor(parts: CoordinatorParts) {
    this.#parts = parts
  }

  get state(): CopyState {
    return this.#state
  }

  /** All receivers, in the order in which the caller gave them. */
  get receivers(): readonly ReceiverView[] {
    return this.#parts.group.handles
  }

  get progress(): CopyProgress {
    return progressOf(this.#parts.passes, this.#parts.clock)
  }

  /** The receivers that hold the others up at this moment. Asks the server of a receiver that does so for long. */
  get holdingUp(): readonly ReceiverView[] {
    return this.#parts.bottleneck.look(this.#parts.group.handles, performance.now())
  }

  /** Settles when the signal fires or the copy is closed: for waits on users' functions, which may never settle. */
  get cancelled(): Promise<void> {
    return this.#parts.cancellation.cancelled
  }

  /** Whether `next` threw this error for faults of receivers: the copy goes on, and the caller decides about them. */
  isReceiverFault(error: unknown): error is ReceiverFault<Receiver> {
    return error === this.#lastFault && error !== undefined
  }

  /** As CopyManager.open. @param strategy how receivers are committed at the barrier; default: all at once */
  async open(strategy: CommitStrategy = together): Promise<void> {
    requireNew(this.#state, 'open')
    const { producer, observer, options, group, passes, cancellation, eventCount, clock } = this.#parts
    this.#state = 'opening'
    this.#strategy = strategy
    clock.opening()
    observer.begun()
    cancellation.listen()
    await this.throwIfAborted()
    const { signal } = cancellation
    watchLag(group, options.lag, signal)
    try {
      const context = contextOf(options)
      const event = (event: ReceiverEvent): void => observer.event(event, undefined)
      await abortable(Promise.resolve(producer.open?.({ ...context, event })), signal)
      await group.begin(context, this.#preparePass(), signal)
    } catch (error) {
      await this.throwIfAborted()
      const fault = asCopyError(error, 'start')
      observer.producerFailed(fault)
      await this.fail('the copy could not be opened', fault)
    }
    observer.passStarted(passes.run())
    await eventCount.until(() => {
      const isReady = passes.isStarted && group.handles.every(({ state }) => state !== 'opening')
      return isReady || signal.aborted || passes.fault !== undefined
    })
    await this.throwIfAborted()
    await this.#throwProducerFault()
    clock.opened()
    this.#state = 'open'
  }

  /** One turn of the loop, as CopyManager.next; undefined when every receiver is final. */
  async next(): Promise<Cycle | undefined> {
    if (this.#state === 'new') await this.open()
    if (this.#state === 'done') return undefined
    requireOpen(this.#state, 'next')
    const { observer, options, group, passes, cancellation, eventCount } = this.#parts
    const undecided = this.#reportedFaults.undecided(group.handles)
    await Promise.all(undecided.map((handle) => handle.drop(options.deadlines.abort)))
    for (;;) {
      const seen = eventCount.version
      await this.throwIfAborted()
      this.#throwFaults()
      await this.#throwProducerFault()
      const moved = passes.take()
      if (moved !== undefined) return moved
      if (group.active.length === 0) {
        const fault = this.#lastFault ?? new CopyError('COPY_STATE', 'no receiver is left')
        await this.fail('no receiver is left', fault)
      }
      if (passes.isPrepared && group.hasJoined) observer.passStarted(passes.run())
      const { end } = passes
      const isBarrier = end !== undefined && group.isReady
      if (isBarrier && group.waiting.length > 0) {
        if (options.atomicity === 'each') await this.#commit(end)
        await this.#beginFurtherPass(seen)
        continue
      }
      if (isBarrier || (end !== undefined && options.atomicity === 'each')) {
        await this.#commit(end)
        if (cancellation.signal.aborted) continue
        if (group.active.every(({ facts }) => facts.isDone)) return this.#complete()
        if (isBarrier) continue
      }
      await eventCount.wait(seen)
    }
  }

  /** As CopyManager.reconcile. */
  async reconcile(receiver: Receiver, from: 'cursor' | 'start'): Promise<void> {
    const { producer, group, observer, options } = this.#parts
    const handle = group.handleOf(receiver)
    requireOpen(this.#state, 'reconcile')
    if (from === 'start') requireFurtherPass(producer, receiver)
    const reconciled = handle.reconcile(from, options.deadlines.abort)
    this.#reportedFaults.forget(handle)
    await reconciled
    observer.reconciled(handle.name, from)
  }

  /** How often this receiver was retried. */
  retriesOf(receiver: Receiver): number {
    return this.#retries.countOf(this.#parts.group.handleOf(receiver))
  }

  /** Reconciles it from the start, and counts that as a retry. @param pauseMs the least time before its next pass */
  retry(receiver: Receiver, pauseMs: number): Promise<void> {
    this.#retries.add(this.#parts.group.handleOf(receiver), pauseMs)
    return this.reconcile(receiver, 'start')
  }

  /** As CopyManager.attach. */
  attach(receiver: Receiver): void {
    const { producer, group } = this.#parts
    requireOpen(this.#state, 'attach')
    if (!producer.canRepeat) requireFurtherPass(producer, receiver)
    group.attach(receiver)
  }

  /** Aborts what is not final and releases everything: connections, threads, listeners. Once. */
  close(reason: AbortReason): Promise<void> {
    const { shutdown, cancellation, observer } = this.#parts
    if (!shutdown.isStarted) {
      this.#state = 'over'
      cancellation.cancel()
      shutdown.start(reason).then(() => observer.ended(reason))
    }
    return shutdown.start(reason)
  }

  /** Closes the copy as failed. @throws CopyFailed always */
  async fail(reason: AbortReason, cause: CopyError): Promise<never> {
    await this.close(reason)
    throw this.#parts.shutdown.failed(cause)
  }

  /** Closes the copy as aborted. @throws CopyAborted always */
  async abort(message: string, facts: { readonly cause?: unknown } = {}): Promise<never> {
    // a COMMIT may be on its way: the error lists it when it succeeds
    await this.close('the copy was aborted')
    throw this.#parts.shutdown.aborted(message, facts)
  }

  /** @throws CopyAborted when the signal fired, or another caller closed the copy */
  async throwIfAborted(): Promise<void> {
    const { isAborted, reason } = this.#parts.cancellation
    if (isAborted) await this.abort('the copy was aborted by its signal', { cause: reason })
    if (this.#state === 'over') await this.abort('the copy was closed')
  }

  #preparePass(): PassStart {
    const { number, firstSequence } = this.#parts.passes.prepare()
    return { pass: number, sequence: firstSequence, ...progressLimitsOf(this.#parts.options) }
  }

  /** Lets waiting receivers join the next pass, which runs when one has joined: a server may still be restarting. */
  async #beginFurtherPass(seen: number): Promise<void> {
    const { group, options, eventCount, cancellation } = this.#parts
    const pauseMs = this.#retries.pauseMs(group.waiting)
    if (pauseMs > 0) return eventCount.wait(seen, pauseMs)
    await group.beginWaiting(contextOf(options), () => this.#preparePass(), cancellation.signal)
  }

  async #commit(end: ProducerEnd): Promise<void> {
    const { group, cancellation } = this.#parts
    compareRows(group.active, end)
    // thrown before any receiver commits: under `abort` the copy ends here
    this.#throwFaults()
    // closed since the turn looked last: the receivers are being aborted, and would not answer COMMIT
    if (cancellation.signal.aborted) return
    const committing = this.#strategy.commit(group.active, () => cancellation.signal.aborted)
    // a server that does not answer must not keep an abort waiting
    await Promise.race([committing, cancellation.cancelled])
  }

  async #complete(): Promise<undefined> {
    const { clock, passes, group } = this.#parts
    clock.finished()
    passes.recordResult()
    group.recordResults()
    await this.close('the copy is over')
    this.#state = 'done'
    return undefined
  }

  #throwFaults(): void {
    const fault = this.#reportedFaults.take(this.#parts.group.handles)
    if (fault === undefined) return
    this.#lastFault = fault
    throw fault
  }

  async #throwProducerFault(): Promise<void> {
    const { fault } = this.#parts.passes
    if (fault === undefined) return
    this.#parts.observer.producerFailed(fault)
    await this.fail('the producer failed', fault)
  }
}
