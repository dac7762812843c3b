import { asCopyError, CopyError } from '../shared/errors.js'
import type { AbortReason, Completion, ReceiverCommand } from '../shared/messages.js'
import type { Report } from '../shared/receiver-life.js'
import type { RingTicket } from '../shared/ring-reader.js'
import { within } from './deadline.js'
import type { HandleContext, Joining } from './handle-context.js'
import { Participation } from './participation.js'
import type { Receiver } from './receiver.js'
import type { ReceiverLink } from './receiver-link.js'
import { isDone, isFinal, isInDoubt, type LetGoState, type ReceiverState } from './receiver-state.js'

/** A thread that does not answer in its deadline and this much more is ended. */
const KILL_GRACE_MS = 1000

/** Main's face of one receiver: what state it is in, and how to tell it things. */
export class ReceiverHandle {
  readonly receiver: Receiver
  readonly name: string
  readonly ticket: RingTicket
  readonly participation: Participation
  readonly #context: HandleContext
  #state: ReceiverState = 'opening'
  #link: ReceiverLink | undefined
  #completion: Completion | undefined
  #fault: CopyError | undefined
  #resumable = false
  #passEnded = false
  #hasLetGo = true
  #aborted: (() => void) | undefined
  #committed: (() => void) | undefined
  #commitment: Promise<void> = Promise.resolve()
  #released: Promise<void> = Promise.resolve()

  constructor(receiver: Receiver, name: string, context: HandleContext) {
    this.receiver = receiver
    this.name = name
    this.ticket = context.ring.ticket()
    this.#context = context
    this.participation = new Participation(context, this.ticket)
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
  begin(makeLink: (heard: (report: Report) => void) => ReceiverLink, joining: Joining): void {
    this.participation.begin(joining.sequence)
    this.#completion = undefined
    this.#passEnded = false
    if (this.#link === undefined) {
      const link = makeLink((report) => this.#hear(report))
      this.#link = link
      link.over.then((how) => {
        if (how === 'killed') this.#hasLetGo = false
        if (this.#link === link) this.#link = undefined
      })
    }
    this.#enter('opening')
    this.#send({ type: 'begin', ...joining })
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

  /** Settles when it is committed or faulted: the state tells which. */
  async commit(): Promise<void> {
    this.#commitment = new Promise<void>((resolve) => {
      this.#committed = resolve
    })
    this.#enter('committing')
    this.#send({ type: 'commit' })
    await this.#commitment
  }

  /** Something about it was found on the main thread, such as a wrong count. */
  fail(cause: unknown): void {
    if (!isFinal(this.#state)) this.#faulted(cause, false)
  }

  /**
   * Goes on from the read cursor after a fault.
   * @throws CopyError COPY_STATE when it cannot, saying why
   */
  reconcile(): void {
    this.#requireFaulted()
    if (!this.#resumable) {
      const why = `${this.name} cannot go on from where it stood, since ${this.#fault?.message}`
      throw new CopyError('COPY_STATE', `${why}; reconcile it with { from: 'start' }`, {
        receiver: this.name,
      })
    }
    this.#fault = undefined
    this.#enterReceiving()
    this.#send({ type: 'reconcile' })
  }

  /** Gives up what it did, to take part in the next pass from its start. @throws CopyError COPY_STATE without a fault */
  async reconcileFromStart(deadlineMs: number): Promise<void> {
    this.#requireFaulted()
    if (isInDoubt(this.#fault)) {
      const message = `${this.name} may have committed already: ${this.#fault?.message}`
      throw new CopyError('COPY_STATE', message, { receiver: this.name })
    }
    this.#fault = undefined
    this.#completion = undefined
    // waiting from now on, so that the next turn does not drop it
    this.#enter('waiting')
    await this.letGo('waiting', 'reconciled from the start', deadlineMs)
    this.participation.forget()
  }

  /**
   * Gives up what it has begun and lets go of the ring, by force when it does not do so in time.
   * @param state what it is then
   */
  letGo(state: LetGoState, reason: AbortReason, deadlineMs: number): Promise<void> {
    this.#released = this.#released.then(() => this.#letGo(state, reason, deadlineMs))
    return this.#released
  }

  /** Settles when it has let go of what it was told to let go of last. */
  get released(): Promise<void> {
    return this.#released
  }

  async #letGo(state: LetGoState, reason: AbortReason, deadlineMs: number): Promise<void> {
    const link = this.#link
    // COMMIT is on its way: what it comes to is not ours to say
    if (this.#state === 'committing') await within(this.#commitment, deadlineMs)
    if (this.isDone) return
    const inDoubt = this.#state === 'committing' || isInDoubt(this.#fault)
    if (link !== undefined) {
      const aborted = new Promise<void>((resolve) => {
        this.#aborted = resolve
      })
      this.#send({ type: 'abort', reason, deadlineMs })
      if (!(await within(Promise.race([aborted, link.over]), deadlineMs + KILL_GRACE_MS))) {
        link.kill()
        await link.over
      }
    }
    this.participation.leave()
    this.#enter(inDoubt ? 'in-doubt' : state)
    this.#committed?.()
  }

  /** Ends its life: connection closed, thread free. It must be final. */
  async end(deadlineMs: number): Promise<void> {
    const link = this.#link
    this.#link = undefined
    if (link === undefined) return
    link.send({ type: 'end', deadlineMs })
    if (await within(link.over, deadlineMs + KILL_GRACE_MS)) return
    link.kill()
    await link.over
  }

  #send(command: ReceiverCommand): void {
    this.#link?.send(command)
  }

  #requireFaulted(): void {
    if (this.#state === 'faulted') return
    const message = `${this.name} has no fault to reconcile: it is ${this.#state}`
    throw new CopyError('COPY_STATE', message, { receiver: this.name })
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
        this.participation.complete()
        this.#enter('completed')
        break
      case 'committed':
        if (this.#state !== 'committing') break
        this.#enter('committed')
        this.#committed?.()
        break
      case 'aborted':
        if (!report.aligned) this.#hasLetGo = false
        this.#aborted?.()
        break
      case 'fault':
        if (!this.isFinal) this.#faulted(report.cause, report.resumable)
        break
      default:
        this.fail(new TypeError(`unknown report ${JSON.stringify(report satisfies never)}`))
    }
  }

  #faulted(cause: unknown, resumable: boolean): void {
    this.#fault = asCopyError(cause, 'copy').with({ receiver: this.name })
    this.#resumable = resumable
    this.#enter('faulted')
    this.#committed?.()
  }

  #enterReceiving(): void {
    this.#enter(this.#passEnded ? 'completing' : 'receiving')
  }

  #enter(state: ReceiverState): void {
    this.#state = state
    this.#context.changed()
  }
}
