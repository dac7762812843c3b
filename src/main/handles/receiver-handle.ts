import type { CopyError } from '../../shared/errors/errors.js'
import type { AbortReason, Completion } from '../../shared/messages/messages.js'
import type { RingTicket } from '../../shared/ring/reader.js'
import type { Report } from '../../shared/runner/receiver-runner.js'
import { Commit, type CommitEnd, isInDoubt } from '../commit/commit.js'
import type { ReceiverLink } from '../links/link.js'
import { AbortRequest, closeLink } from '../links/link.js'
import type { Receiver } from '../receivers/receiver.js'
import type { HandleContext, PassStart } from './handle-context.js'
import { isDone, isFinal, type LetGoState, type ReceiverState } from './receiver-state.js'
import * as guards from './reconcile-guards.js'
import { RingSubscription } from './ring-subscription.js'

/** Main's face of one receiver: what state it is in, and how to tell it things. */
export class ReceiverHandle {
  readonly receiver: Receiver
  readonly name: string
  readonly ticket: RingTicket
  readonly subscription: RingSubscription
  readonly #context: HandleContext
  #state: ReceiverState = 'opening'
  #link: ReceiverLink | undefined
  #completion: Completion | undefined
  #fault: CopyError | undefined
  #resumable = false
  #passEnded = false
  #hasLetGo = true
  /** Whether its life may hold something that it was not told to give up. */
  #hasBegun = false
  #commit: Commit | undefined
  readonly #abort = new AbortRequest()
  #released: Promise<void> = Promise.resolve()

  constructor(receiver: Receiver, name: string, context: HandleContext) {
    this.receiver = receiver
    this.name = name
    this.ticket = context.ring.ticket()
    this.#context = context
    this.subscription = new RingSubscription(context, this.ticket)
  }

  get state(): ReceiverState {
    return this.#state
  }

  get fault(): CopyError | undefined {
    return this.#fault
  }

  get completion(): Completion | undefined {
    return this.#completion
  }

  /** After `end`: whether all that it was told to give up it gave up by itself and in time. */
  get hasLetGo(): boolean {
    return this.#hasLetGo
  }

  get isFinal(): boolean {
    return isFinal(this.#state) || this.isDone
  }

  get isDone(): boolean {
    return isDone(this.#state, this.#completion)
  }

  /** Takes part in a pass, by the link it has or a new one. */
  begin(makeLink: (heard: (report: Report) => void) => ReceiverLink, joining: PassStart): void {
    this.subscription.begin(joining.sequence)
    this.#completion = undefined
    this.#passEnded = false
    this.#hasBegun = true
    if (this.#link === undefined) {
      const link = makeLink((report) => this.#hear(report))
      this.#link = link
      link.over.then((how) => {
        if (how === 'killed') this.#hasLetGo = false
        if (this.#link === link) this.#link = undefined
      })
    }
    this.#enter('opening')
    this.#link?.send({ type: 'begin', ...joining })
  }

  /** It joined late: the next pass begins with it. */
  wait(): void {
    this.#enter('waiting')
  }

  /** The producer delivered everything. */
  ended(): void {
    this.#passEnded = true
    if (this.#state === 'receiving') this.#enter('completing')
  }

  /** Settles when it is committed or faulted, its server having been asked where the answer was lost: the state tells. */
  async commit(): Promise<void> {
    const { deadlines } = this.#context
    const commit = new Commit(this.#completion, this.#link?.server, deadlines, (end) =>
      this.#commitEnded(end),
    )
    this.#commit = commit
    this.#enter('committing')
    this.#link?.send({ type: 'commit' })
    await commit.over
  }

  /** Something about it was found on the main thread, such as a wrong count. */
  fail(cause: unknown): void {
    if (!isFinal(this.#state)) this.#faulted(cause, false)
  }

  /** It holds the others up: a fault, and it lets go at once, not when the caller has decided. */
  tooSlow(fault: CopyError, deadlineMs: number): void {
    this.#faulted(fault, false)
    void this.letGo(undefined, 'dropped after a fault', deadlineMs)
  }

  /**
   * Goes on from the read cursor after a fault.
   * @throws CopyError COPY_STATE when it cannot, saying why
   */
  reconcile(): void {
    guards.requireFaulted(this)
    guards.requireResumable(this, this.#resumable)
    this.#fault = undefined
    this.#enterReceiving()
    this.#link?.send({ type: 'reconcile' })
  }

  /**
   * Gives up what it did, to take part in the next pass from its start.
   * @throws CopyError COPY_STATE without a fault, in doubt, or when its thread cannot be ended
   */
  async reconcileFromStart(deadlineMs: number): Promise<void> {
    guards.requireFaulted(this)
    guards.requireDecided(this)
    this.#fault = undefined
    this.#completion = undefined
    // waiting from now on, so that the next turn does not drop it
    this.#enter('waiting')
    await this.letGo('waiting', 'reconciled from the start', deadlineMs)
    guards.requireLetGo(this)
    this.subscription.forget()
  }

  /**
   * Gives up what it has begun and lets go of the ring, by force when it does not do so in time.
   * @param state what it is then; undefined for what it is now
   */
  letGo(state: LetGoState | undefined, reason: AbortReason, deadlineMs: number): Promise<void> {
    this.#released = this.#released.then(() => this.#letGo(state, reason, deadlineMs))
    return this.#released
  }

  /** Settles when it has let go of what it was told to let go of last. */
  get released(): Promise<void> {
    return this.#released
  }

  async #letGo(state: LetGoState | undefined, reason: AbortReason, deadlineMs: number): Promise<void> {
    const began = performance.now()
    // COMMIT is on its way: what it comes to is not ours to say
    if (this.#state === 'committing') await this.#commit?.giveUp(deadlineMs)
    if (this.isDone) return
    const end = isInDoubt(this.#fault) ? 'in-doubt' : state
    const restMs = Math.max(1, deadlineMs - (performance.now() - began))
    const link = this.#hasBegun ? this.#link : undefined
    if (link === undefined || (await this.#abort.send(link, reason, restMs))) {
      this.#hasBegun = false
      this.subscription.leave()
      if (end !== undefined) this.#enter(end)
      return
    }
    // a thread in a call that blocks: what it was lent is still its own, until that returns
    this.#hasLetGo = false
    // it has not been told to the caller yet: tried again when that is decided
    if (end === undefined) return
    link.over.then(() => this.subscription.leave())
    this.#link = undefined
    this.#enter(end === 'waiting' ? 'dropped' : end)
  }

  /** Ends its life: connection closed, thread free. It must be final. */
  async end(deadlineMs: number): Promise<void> {
    const link = this.#link
    this.#link = undefined
    if (link !== undefined && !(await closeLink(link, deadlineMs))) this.#hasLetGo = false
  }

  #hear(report: Report): void {
    switch (report.type) {
      case 'started':
        break
      case 'event':
        this.#context.event(report.event)
        break
      case 'receiving':
        if (this.#state === 'opening') this.#enterReceiving()
        break
      case 'completed':
        if (this.#state !== 'receiving' && this.#state !== 'completing') break
        this.#completion = report.completion
        this.subscription.complete()
        this.#enter('completed')
        break
      case 'committed':
        if (this.#state === 'committing') this.#commit?.answered()
        break
      case 'aborted':
        if (!report.aligned) this.#hasLetGo = false
        this.#abort.answered()
        break
      case 'fault':
        if (this.#state === 'committing')
          this.#commit?.failed(guards.faultOf(this.name, report.cause, 'commit'))
        else if (!this.isFinal && !this.#isDeaf) this.#faulted(report.cause, report.resumable)
        break
      default:
        this.fail(new TypeError(`unknown report ${JSON.stringify(report satisfies never)}`))
    }
  }

  /** Whether it was told to give up all that it began, of which nothing is news; or is in doubt, which nothing may hide. */
  get #isDeaf(): boolean {
    const isBetween = this.#state === 'waiting' || this.#state === 'faulted'
    return this.#abort.isPending || (isBetween && !this.#hasBegun) || isInDoubt(this.#fault)
  }

  #faulted(cause: unknown, resumable: boolean): void {
    this.#fault = guards.faultOf(this.name, cause, 'copy')
    this.#resumable = resumable
    this.#enter('faulted')
  }

  #commitEnded(end: CommitEnd): void {
    if (end.state === 'committed' && end.note !== undefined) this.#context.warn(end.note)
    if (end.state === 'committed') this.#enter('committed')
    else this.#faulted(end.fault, false)
  }

  #enterReceiving(): void {
    this.#enter(this.#passEnded ? 'completing' : 'receiving')
  }

  #enter(state: ReceiverState): void {
    this.#state = state
    this.#context.changed()
  }
}
