import { CopyError, type ProducerFault } from '../../shared/errors/errors.js'
import type { ProgressMonitor } from '../../shared/liveness/progress-monitor.js'
import type { Producer, ProducerEnd } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'
import type { RingParts } from '../ring/make-ring.js'
import type { Moved } from '../ring/slice-totals.js'
import { Pass } from './pass.js'

/** What was moved since the last turn of the loop. */
export interface Cycle extends Moved {
  readonly pass: number
}

/** The passes of one copy, one after another, and how much of them the caller's loop has taken. */
export class Passes {
  readonly #producer: Producer
  readonly #parts: RingParts
  readonly #monitor: ProgressMonitor
  readonly #changed: () => void
  #pass: Pass | undefined
  /** The next pass, which receivers are joining. */
  #prepared: Pass | undefined
  #taken: Moved = { messages: 0, bytes: 0 }
  #first: (Moved & { readonly end?: ProducerEnd }) | undefined

  /**
   * @param monitor watches the producer
   * @param changed called when the source has accepted a pass, and when a pass is over
   */
  constructor(producer: Producer, parts: RingParts, monitor: ProgressMonitor, changed: () => void) {
    this.#producer = producer
    this.#parts = parts
    this.#monitor = monitor
    this.#changed = changed
  }

  /** Number of the pass under way, or of the next one while receivers join it, from 1; 0 before. */
  get number(): number {
    return (this.#prepared ?? this.#pass)?.number ?? 0
  }

  /** Whether the next pass has been prepared and does not run yet. */
  get isPrepared(): boolean {
    return this.#prepared !== undefined
  }

  get isStarted(): boolean {
    return this.#pass?.isStarted === true
  }

  /** The producer's own report of the end of the pass that runs or ran last; undefined before, and after a fault. */
  get end(): ProducerEnd | undefined {
    return this.#pass?.end
  }

  /** Whether the last pass is over and no further pass is prepared: receivers that join one have not reached its end. */
  get isOver(): boolean {
    return this.end !== undefined && !this.isPrepared
  }

  get fault(): ProducerFault | undefined {
    return this.#pass?.fault
  }

  /** What the pass under way has moved. */
  get totals(): Moved {
    return this.#parts.writer.totals
  }

  /** What the first pass moved, and the producer's report of its end; during the first pass, what it has moved so far. */
  get first(): Moved & { readonly end?: ProducerEnd } {
    const { messages, bytes } = this.totals
    return this.#first ?? { messages, bytes, ...(this.end !== undefined && { end: this.end }) }
  }

  /** Prepares the next pass, so that receivers can join it. Does nothing when it is prepared already. */
  prepare(): Pick<Pass, 'number' | 'firstSequence'> {
    if (this.#prepared === undefined) {
      if (this.end !== undefined) this.#first ??= this.first
      const number = this.number + 1
      this.#prepared = new Pass(
        number,
        this.#producer,
        this.#parts,
        this.#monitor,
        this.#changed,
        this.#first,
      )
      this.#taken = { messages: 0, bytes: 0 }
    }
    return this.#prepared
  }

  /** Runs the pass that was prepared. Its receivers gate the ring already. @returns its number */
  run(): number {
    if (this.#prepared !== undefined) {
      this.#pass = this.#prepared
      this.#prepared = undefined
      this.#pass.run()
    }
    return this.number
  }

  /** Takes what was published since the last turn: the caller's loop holds back those slots no more. */
  take(): Cycle | undefined {
    const { writer, gate } = this.#parts
    const { messages, bytes } = writer.totals
    const moved = { messages: messages - this.#taken.messages, bytes: bytes - this.#taken.bytes }
    if (moved.messages === 0 && moved.bytes === 0) return undefined
    this.#taken = { messages, bytes }
    if (this.number === 1) {
      this.#producer.totalMessages = messages
      this.#producer.totalBytes = bytes
    }
    gate.take(writer.sequence)
    return { ...moved, pass: this.number }
  }

  /** All passes are over: gives the producer its count and command tag. */
  recordResult(): void {
    const { end } = this.first
    this.#producer.count = end?.rows
    this.#producer.command = end?.command
  }

  /** Nothing can touch the ring any more: another copy may have its memory. */
  release(): void {
    // a producer that was stopped in the middle of a pass may still have rows to write into the ring
    if (this.end !== undefined) this.#parts.ring.release()
  }

  /** Aborts the pass under way; does nothing when it has ended. */
  async abort(deadlineMs: number): Promise<void> {
    if (this.end === undefined) await (this.#prepared ?? this.#pass)?.abort(deadlineMs)
  }
}

/**
 * Checks that a further pass can feed a receiver.
 * @throws CopyError COPY_STATE when the producer can run only once, or the receiver cannot begin again
 */
export const requireFurtherPass = (producer: Producer, receiver: Receiver): void => {
  if (!receiver.canRestart) {
    throw new CopyError('COPY_STATE', "a user's client cannot begin again: its transaction is the user's own")
  }
  if (producer.canRepeat) return
  const how = 'give a function that returns what can be iterated, or a COPY statement'
  throw new CopyError(
    'COPY_STATE',
    `${producer.name} can run only once, so no further pass is possible: ${how}`,
  )
}
