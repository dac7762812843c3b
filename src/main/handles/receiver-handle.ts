import { Budget } from '../../shared/async/budget.js'
import type { CopyError } from '../../shared/errors/errors.js'
import type { AbortReason, Completion } from '../../shared/messages/messages.js'
import { STREAM_STATE } from '../../shared/ring/cells.js'
import type { Report } from '../../shared/runner/receiver-runner.js'
import { Commit, type CommitResult, isInDoubt } from '../commit/commit.js'
import type { LinkListener } from '../links/link.js'
import { LinkedRunner } from '../links/linked-runner.js'
import type { Receiver } from '../receivers/receiver.js'
import type { ReceiverView } from './copy-observer.js'
import type { HandleContext, PassStart } from './handle-context.js'
import { PassTimer } from './pass-timer.js'
import type { RunnerPlace } from './placement.js'
import {
  type EndState,
  type HandleState,
  mayBecome,
  type ReceiverState,
  requireTransition,
  STATES,
  type StateFacts,
} from './receiver-state.js'
import * as guards from './reconcile-guards.js'
import { ReleaseQueue } from './release-queue.js'
import { RingSubscription } from './ring-subscription.js'

/** One receiver as the main thread sees it: its state, its part in the ring, and the commands to its runner. */
export class ReceiverHandle implements ReceiverView, LinkListener {
  readonly receiver: Receiver
  readonly name: string
  readonly subscription: RingSubscription
  readonly timer = new PassTimer()
  readonly runner = new LinkedRunner()
  readonly #context: HandleContext
  readonly #releases: ReleaseQueue
  #state: HandleState = { name: 'opening' }

  constructor(receiver: Receiver, name: string, context: HandleContext) {
    this.receiver = receiver
    this.name = name
    this.#context = context
    this.subscription = new RingSubscription(context)
    this.#releases = new ReleaseQueue(this.runner, this.subscription)
  }

  get state(): ReceiverState {
    return this.facts.shown
  }

  get fault(): CopyError | undefined {
    return 'fault' in this.#state ? this.#state.fault : undefined
  }

  get completion(): Completion | undefined {
    return 'completion' in this.#state ? this.#state.completion : undefined
  }

  /** What its state means for the copy. */
  get facts(): StateFacts {
    return STATES[this.#state.name]
  }

  /** Settles when all releases that were ordered so far are done. */
  get released(): Promise<unknown> {
    return this.#releases.settled
  }

  /** Takes part in a pass, with the runner that it has or a new one. */
  begin(place: RunnerPlace, start: PassStart): void {
    this.subscription.subscribe(start.sequence)
    this.timer.begin()
    if (!this.runner.isLinked) this.runner.attach(place.link(this.subscription.ticket, this))
    this.#enter({ name: 'opening' })
    this.runner.begin(start)
  }

  /** It joined late: the next pass begins with it. */
  wait(): void {
    this.#enter({ name: 'waiting' })
  }

  /** The producer delivered everything. */
  passEnded(): void {
    if (this.#state.name === 'receiving') this.#enter({ name: 'completing' })
  }

  /** Settles when it is committed, faulted, or in doubt: the server was asked where the answer was lost. */
  async commit(): Promise<void> {
    const { deadlines } = this.#context
    const completion = this.completion as Completion
    const commit = new Commit(completion, this.runner.server, deadlines, (end) => this.#commitEnded(end))
    this.#enter({ name: 'committing', completion, commit })
    this.runner.send({ type: 'commit' })
    await commit.over
  }

  /** Main found something wrong with it, e.g. a wrong count. Changes nothing when it is final. */
  fail(cause: unknown): void {
    if (mayBecome(this.#state.name, 'faulted')) this.#fault(cause, false)
  }

  /** It holds up the others: a fault that releases everything at once, before the caller has decided. */
  failAndRelease(fault: CopyError, deadlineMs: number): void {
    this.#fault(fault, false)
    void this.#releases.add(() => this.#releases.release('dropped after a fault', deadlineMs))
  }

  /**
   * Takes it back after a fault, and changes its state at once. `cursor`: it goes on where it stood. `start`: it releases
   * everything and waits for the next pass.
   * @returns settles when it has done so; rejects with CopyError COPY_STATE when its thread cannot be ended
   * @throws CopyError COPY_STATE at once without a fault, in doubt, or when it cannot go on from its cursor
   */
  reconcile(from: 'cursor' | 'start', deadlineMs: number): Promise<void> {
    if (from === 'start') {
      guards.requireRestartable(this.name, this.#state)
      // waiting from now on, so that the next turn does not drop it
      this.#enter({ name: 'waiting' })
      return this.#restart(deadlineMs)
    }
    guards.requireResumable(this.name, this.#state, this.runner.isActive)
    this.#enterReceiving()
    this.runner.send({ type: 'reconcile' })
    return Promise.resolve()
  }

  /** The copy goes on without it after its fault. */
  drop(deadlineMs: number): Promise<void> {
    return this.#releases.add(async () => {
      if (this.state !== 'faulted') return
      const isReleased = await this.#releases.release('dropped after a fault', deadlineMs)
      // reconciled from the start meanwhile
      if (this.state !== 'faulted') return
      if (!isReleased) this.#releases.abandon()
      this.#end('dropped')
    })
  }

  /** The copy is aborted: rolls back and releases everything, by force when that takes too long. */
  abort(reason: AbortReason, deadlineMs: number): Promise<void> {
    const end = this.completion === undefined ? 'aborted' : 'rolled-back'
    return this.#releases.add(async () => {
      const budget = Budget.of(deadlineMs)
      // COMMIT is on its way: its result is for the server to say
      if (this.#state.name === 'committing') await this.#state.commit.abort(deadlineMs)
      if (this.facts.isDone || this.#state.name === 'in-doubt') return
      if (!(await this.#releases.release(reason, budget.leftMs))) this.#releases.abandon()
      this.#end(end)
    })
  }

  /** Ends its runner: connection closed, thread free. It must be final. */
  close(deadlineMs: number): Promise<void> {
    return this.runner.close(deadlineMs)
  }

  reported(report: Report): void {
    const { name } = this.#state
    switch (report.type) {
      case 'started':
        break
      case 'event':
        this.#context.observer.event(report.event, this.name)
        break
      case 'receiving':
        if (name === 'opening') this.#enterReceiving()
        break
      case 'completed':
        if (name === 'receiving' || name === 'completing') this.#complete(report.completion)
        break
      case 'committed':
        if (this.#state.name === 'committing') this.#state.commit.answered()
        break
      case 'aborted':
      case 'diagnosis':
        this.runner.answered(report)
        break
      case 'fault':
        this.#faultReported(report.cause, report.resumable)
        break
      default:
        this.#faultReported(new TypeError(`unknown report ${JSON.stringify(report satisfies never)}`), false)
    }
  }

  #faultReported(cause: unknown, isResumable: boolean): void {
    if (this.#state.name === 'committing') {
      this.#state.commit.failed(guards.faultOf(this.name, cause, 'commit'))
    } else if (this.runner.isActive && !this.facts.ignoresFaults) {
      this.#fault(cause, isResumable)
    }
  }

  #fault(cause: unknown, isResumable: boolean): void {
    const fault = guards.faultOf(this.name, cause, 'copy')
    this.#enter({ name: 'faulted', fault, isResumable, completion: this.completion })
  }

  #complete(completion: Completion): void {
    this.timer.complete()
    this.subscription.unsubscribe()
    this.#enter({ name: completion.commits ? 'completed' : 'finished', completion })
  }

  #commitEnded(end: CommitResult): void {
    const completion = this.completion as Completion
    if (end.state === 'committed') {
      if (end.note !== undefined) this.#context.observer.warned(end.note)
      this.#enter({ name: 'committed', completion })
    } else if (isInDoubt(end.fault)) this.#enter({ name: 'unresolved', fault: end.fault, completion })
    else this.#fault(end.fault, false)
  }

  async #restart(deadlineMs: number): Promise<void> {
    const isReleased = await this.#releases.add(async () => {
      if (await this.#releases.release('reconciled from the start', deadlineMs)) return true
      this.#releases.abandon()
      this.#end('dropped')
      return false
    })
    guards.requireReleased(this.name, isReleased)
    this.subscription.reset()
  }

  #end(name: EndState): void {
    const { fault, completion } = this
    if (this.#state.name === 'unresolved') this.#enter({ ...this.#state, name: 'in-doubt' })
    else this.#enter({ name, fault, completion })
  }

  /** It takes slices, or the last ones of a pass that has ended. */
  #enterReceiving(): void {
    const hasEnded = this.#context.ring.cells.state() === STREAM_STATE.ended
    this.#enter({ name: hasEnded ? 'completing' : 'receiving' })
  }

  #enter(next: HandleState): void {
    requireTransition(this.name, this.#state.name, next.name)
    this.#state = next
    this.#context.observer.receiverChanged(this)
  }
}
