import { asCopyError, type CopyError } from '../shared/errors.js'
import type { Completion, ReceiverCommand } from '../shared/messages.js'
import type { Report } from '../shared/receiver-life.js'
import type { RingTicket } from '../shared/ring-reader.js'
import { toCell } from '../shared/sequence.js'
import type { ServerEvent } from '../shared/session.js'
import { within } from './deadline.js'
import type { Receiver } from './receiver.js'
import type { ReceiverLink } from './receiver-link.js'
import type { Ring } from './ring.js'
import type { RingGate } from './ring-gate.js'

/**
 * `opening → receiving → (faulted → dropped) → completing → completed → committing → committed`, and the ends
 * `rolled-back` (complete, then given up) and `aborted` (given up before).
 */
export type ReceiverState =
  | 'opening'
  | 'receiving'
  | 'faulted'
  | 'dropped'
  | 'completing'
  | 'completed'
  | 'committing'
  | 'committed'
  | 'rolled-back'
  | 'aborted'

/** A thread that does not answer in its deadline and this much more is ended. */
const KILL_GRACE_MS = 1000

export interface HandleContext {
  readonly ring: Ring
  readonly gate: RingGate
  /** Something about a receiver changed. */
  readonly changed: (handle: ReceiverHandle) => void
  readonly event: (handle: ReceiverHandle, event: ServerEvent) => void
}

/** Main's face of one receiver: what state it is in, and how to tell it things. */
export class ReceiverHandle {
  readonly receiver: Receiver
  readonly name: string
  readonly ticket: RingTicket
  readonly #context: HandleContext
  #state: ReceiverState = 'opening'
  #link: ReceiverLink | undefined
  #completion: Completion | undefined
  #fault: CopyError | undefined
  #cursor = 0
  #beganAt = 0
  #seconds = 0
  #aborted: (() => void) | undefined
  #committed: (() => void) | undefined

  constructor(receiver: Receiver, name: string, context: HandleContext) {
    this.receiver = receiver
    this.name = name
    this.ticket = context.ring.ticket()
    this.#context = context
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

  /** From the begin of its pass to its completion. */
  get seconds(): number {
    return this.#seconds
  }

  /** Whether nothing can be awaited from it any more. */
  get isFinal(): boolean {
    return ['dropped', 'committed', 'rolled-back', 'aborted'].includes(this.#state) || this.isDone
  }

  /** Whether all of its data arrived and, where it commits, is committed. */
  get isDone(): boolean {
    return this.#state === 'committed' || (this.#state === 'completed' && this.#completion?.commits === false)
  }

  /** Sequence up to which it has let go of the slices; what it had when it left the ring, afterwards. */
  get cursor(): number {
    this.#cursor = this.#context.gate.cursor(this.ticket.receiver) ?? this.#cursor
    return this.#cursor
  }

  /** Takes part in a pass from `sequence` on, by this link. */
  begin(makeLink: (heard: (report: Report) => void) => ReceiverLink, pass: number, sequence: number): void {
    this.#context.ring.cells.setCursor(this.ticket.receiver, toCell(sequence))
    this.#context.gate.add(this.ticket.receiver, sequence)
    this.#cursor = sequence
    this.#beganAt = performance.now()
    this.#link ??= makeLink((report) => this.#hear(report))
    this.#send({ type: 'begin', pass, sequence })
  }

  /** The producer delivered everything. */
  ended(): void {
    if (this.#state === 'receiving') this.#enter('completing')
  }

  /** Settles when it is committed or faulted: the state tells which. */
  async commit(): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.#committed = resolve
    })
    this.#enter('committing')
    this.#send({ type: 'commit' })
    await settled
  }

  /** Something about it was found on the main thread, such as a wrong count. */
  fail(cause: unknown): void {
    this.#hear({ type: 'fault', cause })
  }

  /**
   * Gives up what it has begun and lets go of the ring, by force when it does not do so in time.
   * @param state the end that this is: dropped, aborted or rolled-back
   */
  async letGo(
    state: 'dropped' | 'aborted' | 'rolled-back',
    reason: string,
    deadlineMs: number,
  ): Promise<void> {
    const link = this.#link
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
    this.#leaveRing()
    this.#enter(state)
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

  #hear(report: Report): void {
    switch (report.type) {
      case 'started':
        break
      case 'event':
        this.#context.event(this, report.event)
        break
      case 'receiving':
        if (this.#state === 'opening') this.#enter('receiving')
        break
      case 'completed':
        if (this.#state !== 'receiving' && this.#state !== 'completing') break
        this.#completion = report.completion
        this.#seconds = (performance.now() - this.#beganAt) / 1000
        // it read all there is: it holds nobody back
        this.#leaveRing()
        this.#enter('completed')
        break
      case 'committed':
        this.#enter('committed')
        this.#committed?.()
        break
      case 'aborted':
        this.#aborted?.()
        break
      case 'fault':
        if (this.isFinal || this.#state === 'faulted') break
        this.#fault = asCopyError(report.cause, 'copy').with({ receiver: this.name })
        this.#enter('faulted')
        this.#committed?.()
        break
      default:
        this.fail(new TypeError(`unknown report ${JSON.stringify(report satisfies never)}`))
    }
  }

  #leaveRing(): void {
    // read for the last time, then it gates no more
    void this.cursor
    this.#context.gate.remove(this.ticket.receiver)
  }

  #enter(state: ReceiverState): void {
    this.#state = state
    this.#context.changed(this)
  }
}
