import { abortable } from '../../shared/async/deadline.js'
import { asCopyError, CopyError, type ReceiverFault } from '../../shared/errors/errors.js'
import type { AbortReason, ReceiverEvent } from '../../shared/messages/messages.js'
import type { CopyObserver } from '../handles/copy-observer.js'
import type { PassStart } from '../handles/handle-context.js'
import { ReceiverGroup } from '../handles/receiver-group.js'
import type { ReceiverHandle } from '../handles/receiver-handle.js'
import type { CheckedOptions } from '../options/copy-options.js'
import type { Producer, ProducerEnd } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'
import { makeRing } from '../ring/make-ring.js'
import { Cancellation } from './cancellation.js'
import { commitAll, compareRows } from './commit-barrier.js'
import { CopyClock } from './copy-clock.js'
import { contextOf, patienceOf, watchOf } from './copy-context.js'
import { type CopyState, requireNew, requireOpen } from './copy-state.js'
import { EventCount } from './event-count.js'
import { watchLag } from './lag-watch.js'
import { type Cycle, Passes, requireFurtherPass } from './passes.js'
import { Shutdown } from './shutdown.js'

/** The course of one copy: opening, turns, passes, barrier, end. CopyManager is its public face. */
export class CopyCoordinator {
  readonly group: ReceiverGroup
  readonly passes: Passes
  readonly shutdown: Shutdown
  clock = new CopyClock()
  /** How receivers are committed at the barrier. */
  commitHow: 'one-by-one' | 'together' = 'together'
  readonly #producer: Producer
  readonly #options: CheckedOptions
  readonly #listener: CopyObserver
  readonly #news = new EventCount()
  readonly #ending: Cancellation
  #phase: CopyState = 'new'
  #lastFault: ReceiverFault<Receiver> | undefined

  constructor(
    producer: Producer,
    receivers: readonly Receiver[],
    options: CheckedOptions,
    listener: CopyObserver,
  ) {
    this.#producer = producer
    this.#options = options
    this.#listener = listener
    this.#ending = new Cancellation(options.signal, () => this.#news.notify())
    const parts = makeRing(options.ring, () => {
      this.clock.published()
      this.#news.notify()
    })
    const slow = watchOf(producer, options, (event) => listener.event(event, undefined))
    this.passes = new Passes(producer, parts, slow, () => this.#produced())
    const context = {
      ring: parts.ring,
      gate: parts.gate,
      before: (sequence: number) => parts.writer.totals.before(sequence),
      deadlines: options.deadlines,
      warn: (warning: CopyError) => this.shutdown.warnings.push(warning),
      changed: (handle: ReceiverHandle) => {
        listener.changed(handle)
        this.#news.notify()
      },
      event: (event: ReceiverEvent, receiver: string) => listener.event(event, receiver),
    }
    this.group = new ReceiverGroup(receivers, context, options.pool)
    const held = { producer, passes: this.passes, group: this.group }
    this.shutdown = new Shutdown(held, options.deadlines.abort)
  }

  get phase(): CopyState {
    return this.#phase
  }

  /** Settles when the signal fires or the copy is ended: for waits on users' functions, which may never settle. */
  get ended(): Promise<void> {
    return this.#ending.fired
  }

  /** The fault that was thrown last; what `CopyFailed` gives as its cause when nobody is left. */
  get lastFault(): ReceiverFault<Receiver> | undefined {
    return this.#lastFault
  }

  /** As CopyManager.open. */
  async open(): Promise<void> {
    requireNew(this.#phase, 'open')
    this.#phase = 'opening'
    this.clock = new CopyClock()
    this.#listener.begun()
    this.#ending.watch()
    await this.refuseEnded()
    watchLag(this.group, this.#options.lag, this.#ending.signal)
    try {
      const event = (event: ReceiverEvent): void => this.#listener.event(event, undefined)
      const { signal } = this.#ending
      const context = contextOf(this.#options)
      await abortable(Promise.resolve(this.#producer.open?.({ ...context, event })), signal)
      await this.group.begin(context, this.#joining(), signal)
    } catch (error) {
      await this.refuseEnded()
      const fault = asCopyError(error, 'start')
      this.#listener.failed(fault)
      await this.end('the copy could not be opened')
      throw this.shutdown.failed(fault)
    }
    this.#listener.passing(this.passes.run())
    await this.#news.until(() => {
      const ready = this.passes.isStarted && this.group.handles.every(({ state }) => state !== 'opening')
      return ready || this.#ending.signal.aborted || this.passes.fault !== undefined
    })
    await this.refuseEnded()
    await this.#refuseProducerFault()
    this.clock.opened()
    this.#phase = 'open'
  }

  /** One turn of the loop, as CopyManager.next; undefined when every receiver is final. */
  async cycle(): Promise<Cycle | undefined> {
    if (this.#phase === 'new') await this.open()
    if (this.#phase === 'done') return undefined
    requireOpen(this.#phase, 'next')
    await this.group.dropTold(this.#options.deadlines.abort)
    for (;;) {
      const seen = this.#news.version
      await this.refuseEnded()
      this.#refuseFaults()
      await this.#refuseProducerFault()
      const moved = this.passes.take()
      if (moved !== undefined) return moved
      if (this.group.active.length === 0) {
        await this.end('no receiver is left')
        throw this.shutdown.failed(this.#lastFault ?? new CopyError('COPY_STATE', 'no receiver is left'))
      }
      if (this.passes.isPrepared && this.group.hasJoined) this.#listener.passing(this.passes.run())
      const { end } = this.passes
      const isBarrier = end !== undefined && this.group.isReady
      if (isBarrier && this.group.waiting.length > 0) {
        if (this.#options.atomicity === 'each') await this.#commit(end)
        await this.#nextPass(seen)
        continue
      }
      if (isBarrier || (end !== undefined && this.#options.atomicity === 'each')) {
        await this.#commit(end)
        if (this.#ending.signal.aborted) continue
        if (this.group.active.every((handle) => handle.isDone)) return this.#finish()
        if (isBarrier) continue
      }
      await this.#news.wait(seen)
    }
  }

  /** As CopyManager.reconcile. */
  async reconcile(receiver: Receiver, from: 'cursor' | 'start'): Promise<void> {
    const handle = this.group.handleOf(receiver)
    requireOpen(this.#phase, 'reconcile')
    if (from === 'start') requireFurtherPass(this.#producer, receiver)
    if (from === 'cursor') this.group.reconcile(handle)
    else await handle.reconcileFromStart(this.#options.deadlines.abort)
    this.#listener.reconciled(handle.name, from)
  }

  /** As CopyManager.attach. */
  attach(receiver: Receiver): void {
    requireOpen(this.#phase, 'attach')
    if (!this.#producer.canRepeat) requireFurtherPass(this.#producer, receiver)
    this.group.attach(receiver)
  }

  /** Gives up what is not final and lets go of everything: connections, threads, listeners. Once. */
  end(reason: AbortReason): Promise<void> {
    if (!this.shutdown.isStarted) {
      this.#phase = 'over'
      this.#ending.fire()
      this.shutdown.start(reason).then(() => this.#listener.ended(reason))
    }
    return this.shutdown.start(reason)
  }

  /** @throws CopyAborted when the signal fired, or close() was called by somebody else than who waits here */
  async refuseEnded(): Promise<void> {
    if (this.#ending.isAborted) {
      await this.end('the copy was aborted')
      throw this.shutdown.aborted('the copy was aborted by its signal', { cause: this.#ending.reason })
    }
    if (this.#phase !== 'over') return
    // a COMMIT may be on its way: what it comes to belongs into the list
    await this.end('the copy was aborted')
    throw this.shutdown.aborted('the copy was closed')
  }

  #joining(): PassStart {
    const { number, firstSequence } = this.passes.prepare()
    return { pass: number, sequence: firstSequence, ...patienceOf(this.#options) }
  }

  /** Lets those that wait join the next pass, which runs when somebody has: a server may be restarting still. */
  async #nextPass(seen: number): Promise<void> {
    const { pauseMs } = this.group
    if (pauseMs > 0) return this.#news.wait(seen, pauseMs)
    await this.group.beginWaiting(contextOf(this.#options), () => this.#joining(), this.#ending.signal)
  }

  async #commit(end: ProducerEnd): Promise<void> {
    compareRows(this.group.active, end)
    // told before anybody commits: under `abort` it is the end
    this.#refuseFaults()
    const committing = commitAll(this.group.active, this.commitHow, () => this.#ending.signal.aborted)
    // a server that does not answer must not keep an abort waiting
    await Promise.race([committing, this.#ending.fired])
  }

  async #finish(): Promise<undefined> {
    this.clock.finished()
    this.passes.finish()
    this.group.finish()
    await this.end('the copy is over')
    this.#phase = 'done'
    return undefined
  }

  /** The source accepted, or the pass is over. */
  #produced(): void {
    // told late, it is not the end of the pass that receivers are joining
    const isOver = this.passes.end !== undefined && !this.passes.isPrepared
    if (isOver) for (const handle of this.group.handles) handle.ended()
    this.#news.notify()
  }

  #refuseFaults(): void {
    const fault = this.group.takeFaults()
    if (fault === undefined) return
    this.#lastFault = fault
    throw fault
  }

  async #refuseProducerFault(): Promise<void> {
    const { fault } = this.passes
    if (fault === undefined) return
    this.#listener.failed(fault)
    await this.end('the producer failed')
    throw this.shutdown.failed(fault)
  }
}
