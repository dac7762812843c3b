import type { RingTicket } from '../../shared/ring/reader.js'
import { toCell } from '../../shared/ring/sequence.js'
import type { Moved } from '../ring/slice-totals.js'
import type { HandleContext } from './handle-context.js'

const NOTHING: Moved = { messages: 0, bytes: 0 }

/** How one receiver takes part in the ring: whether its cursor gates, how far it is, how often and how long it took. */
export class RingSubscription {
  readonly #context: HandleContext
  readonly #ticket: RingTicket
  #progress: Moved = NOTHING
  #passes = 0
  #beganAt = 0
  #seconds = 0
  #retries = 0
  #dueAt = 0

  constructor(context: HandleContext, ticket: RingTicket) {
    this.#context = context
    this.#ticket = ticket
  }

  /** Passes that it took part in. */
  get passes(): number {
    return this.#passes
  }

  /** How often it was reconciled from the start by itself. */
  get retries(): number {
    return this.#retries
  }

  /** How long its next pass must not begin yet, in milliseconds. */
  get pauseMs(): number {
    return Math.max(0, this.#dueAt - performance.now())
  }

  /** It is tried once more, after a pause. */
  retry(pauseMs: number): void {
    this.#retries += 1
    this.#dueAt = performance.now() + pauseMs
  }

  /** From the begin of its pass to its completion. */
  get seconds(): number {
    return this.#seconds
  }

  /** What it has let go of in its pass; where it stood when it left the ring, afterwards. */
  get progress(): Moved {
    const cursor = this.#context.gate.cursor(this.#ticket.receiver)
    if (cursor !== undefined) this.#progress = this.#context.before(cursor)
    return this.#progress
  }

  /** Bytes that are published in its pass and that it has not let go of. */
  get lagBytes(): number {
    return this.#context.before(Number.POSITIVE_INFINITY).bytes - this.progress.bytes
  }

  /** Its cursor gates from now on. */
  begin(sequence: number): void {
    this.#context.ring.cells.setCursor(this.#ticket.receiver, toCell(sequence))
    this.#context.gate.add(this.#ticket.receiver, sequence)
    this.#progress = NOTHING
    this.#passes += 1
    this.#beganAt = performance.now()
  }

  /** It read all there is: it holds nobody back. */
  complete(): void {
    this.#seconds = (performance.now() - this.#beganAt) / 1000
    this.leave()
  }

  /** Its cursor gates no more: nothing of the ring can be read for it. */
  leave(): void {
    // read for the last time
    void this.progress
    this.#context.gate.remove(this.#ticket.receiver)
  }

  /** What it did is void. */
  forget(): void {
    this.#progress = NOTHING
  }
}
