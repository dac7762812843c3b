import { EventEmitter } from 'node:events'
import type { CopyError, ReceiverFault } from '../../shared/errors/errors.js'
import type { Slowness } from '../../shared/liveness/slowness.js'
import type { ReceiverEvent } from '../../shared/messages/messages.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import { refuseSameClient } from '../clients/client-session.js'
import { CopyCoordinator } from '../coordinator/copy-coordinator.js'
import { requireNew } from '../coordinator/copy-state.js'
import type { Cycle } from '../coordinator/passes.js'
import { type CopyManagerOptions, checkOptions } from '../options/copy-options.js'
import type { RetryOptions } from '../options/retry-options.js'
import type { Producer } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'
import { Diagnostics } from './diagnostics.js'
import { type CopyResult, type CopyStats, type Outcome, outcomeOf, statsOf } from './outcome.js'
import { RetryPolicy } from './retry.js'

/** What to do about a receiver's fault in `run()` and `copy()`. */
export type OnFault =
  | 'abort'
  | 'isolate'
  | ((fault: ReceiverFault<Receiver>, manager: CopyManager) => void | Promise<void>)

/** What the event bears: what the server sent or what is slow, and the receiver's name, or undefined for the producer. */
export interface CopyManagerEvents {
  notice: [event: Extract<ServerEvent, { type: 'notice' }>, receiver: string | undefined]
  notification: [event: Extract<ServerEvent, { type: 'notification' }>, receiver: string | undefined]
  parameter: [event: Extract<ServerEvent, { type: 'parameter' }>, receiver: string | undefined]
  /** It makes no progress, for longer than `deadlines.slow`: told then, and whenever that has taken twice as long. */
  slow: [event: Slowness, receiver: string | undefined]
}

/**
 * Moves one producer's rows to many receivers. `open()` it, iterate it to the end, and `close()` it; or let `run()` do
 * all three. The loop is the clock: a caller that stops asking stops the copy, at most one ring ahead.
 *
 * When `next()` rejects with a ReceiverFault the copy is not over: iterate on, and the faulted receivers are dropped.
 * `next()` says `done` only when every receiver is final.
 */
export class CopyManager extends EventEmitter<CopyManagerEvents> implements AsyncIterableIterator<Cycle> {
  readonly producer: Producer
  /** Receivers that are taking part: faulted ones leave it. Live. */
  readonly receivers: ReadonlySet<Receiver>
  readonly #course: CopyCoordinator
  #turn: Promise<unknown> = Promise.resolve()

  /** @throws CopyError COPY_OPTION for illegal options */
  constructor(producer: Producer, receivers: readonly Receiver[], options: CopyManagerOptions = {}) {
    super()
    refuseSameClient([producer, ...receivers])
    this.producer = producer
    const takingPart = new Set(receivers)
    const diagnostics = new Diagnostics<CopyManager>()
    this.receivers = takingPart
    this.#course = new CopyCoordinator(producer, receivers, checkOptions(options), {
      event: (event, receiver) => this.#tell(event, receiver),
      begun: () => diagnostics.started(this),
      passing: (pass) => diagnostics.passed(pass, this.#course.group.handles),
      failed: (error) => diagnostics.failed(undefined, error),
      reconciled: (receiver, from) => diagnostics.reconciled(receiver, from),
      ended: (reason) => diagnostics.ended(reason, () => this.#result()),
      changed: (handle) => {
        const { receiver, state } = handle
        diagnostics.changed(handle)
        if (state === 'faulted' || state === 'dropped') takingPart.delete(receiver)
        else if (
          state === 'opening' ||
          state === 'waiting' ||
          state === 'receiving' ||
          state === 'completing'
        ) {
          takingPart.add(receiver)
        }
      },
    })
  }

  /**
   * Connects everything and starts the copy at both ends.
   * @throws CopyFailed when the producer cannot start; receivers that cannot are faults of the first cycle
   * @throws CopyAborted when the signal has fired
   */
  open(): Promise<void> {
    return this.#course.open()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /**
   * What was moved since the last turn, waiting until there is something; `done` when every receiver is final.
   * @throws ReceiverFault once for each cycle in which receivers faulted; call again to go on without them
   * @throws CopyFailed when the producer failed, or no receiver is left
   * @throws CopyAborted when the signal fired
   */
  next(): Promise<IteratorResult<Cycle, undefined>> {
    const turn = this.#turn.then(() => this.#course.cycle())
    this.#turn = turn.catch(() => undefined)
    return turn.then((value) => (value === undefined ? { done: true, value } : { done: false, value }))
  }

  /** Called when the loop is left early: aborts the copy. @throws CopyAborted */
  async return(): Promise<IteratorResult<Cycle, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  /**
   * Does the whole copy.
   * @param options.onFault `abort` unless given: a receiver's fault ends the copy, and nothing is loaded anywhere
   * @param options.retry takes back by itself what may heal by itself; `onFault` decides about what is left. Under
   *   `abort` nothing is retried once a fault has come that cannot be
   * @throws CopyFailed, CopyAborted; CopyError COPY_OPTION for an illegal `retry`
   */
  async run(
    options: { readonly onFault?: OnFault; readonly retry?: RetryOptions } = {},
  ): Promise<CopyResult> {
    const { onFault = 'abort' } = options
    const course = this.#course
    // not by open() below: what somebody else has begun is not ours to end
    requireNew(course.phase, 'run')
    const retrying = new RetryPolicy(course, this.producer, options.retry, onFault === 'abort')
    if (onFault === 'abort') course.commitHow = 'one-by-one'
    try {
      await course.open()
      for (;;) {
        try {
          while (!(await this.next()).done);
          return this.#result()
        } catch (error) {
          if (error !== course.lastFault) throw error
          const fault = await retrying.take(error as ReceiverFault<Receiver>)
          if (fault !== undefined) await this.#decide(fault, onFault)
        }
      }
    } finally {
      await course.end('the copy was aborted')
    }
  }

  /**
   * Takes a faulted receiver back; call it before the next turn of the loop, or the receiver is dropped. `cursor`,
   * unless given: it goes on where it stood: a callable gets the slice it threw on again, a connection that stalled
   * goes on behind what it was handed. `start`: it gives up what it did and takes part in a further pass over the same
   * data, together with all others that wait for one. Resolves when accepted, before that pass.
   * @throws CopyError COPY_STATE when that cannot be: no fault, a connection that is gone or a server that refused the
   *   data (`cursor`), a producer that cannot run again (`start`), a copy that is over
   */
  reconcile(receiver: Receiver, options: { readonly from?: 'cursor' | 'start' } = {}): Promise<void> {
    return this.#course.reconcile(receiver, options.from ?? 'cursor')
  }

  /**
   * One more receiver for a copy under way: it is fed by a further pass over the same data.
   * @throws CopyError COPY_STATE when the copy is over, or its producer cannot run again
   */
  attach(receiver: Receiver): void {
    refuseSameClient([
      this.producer,
      ...this.#course.group.handles.map((handle) => handle.receiver),
      receiver,
    ])
    this.#course.attach(receiver)
  }

  /** Ends the copy and lets go of everything. Before `done` that is an abort. @throws CopyAborted then */
  async close(): Promise<void> {
    const { phase } = this.#course
    await this.#course.end('the copy was aborted')
    if (phase === 'opening' || phase === 'open') {
      throw this.#course.shutdown.aborted('the copy was closed before its end')
    }
  }

  /** Ends the copy and lets go of everything, without an error, so that it hides none. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#course.end('the copy was aborted')
  }

  /** How far everybody is: cheap, at any time. */
  stats(): CopyStats {
    const { group, passes, clock } = this.#course
    return statsOf(group.handles, passes.number, passes.totals, passes.first, clock.seconds)
  }

  /** What became of each receiver, in the order they were given. */
  get outcomes(): readonly Outcome[] {
    return this.#course.group.handles.map(outcomeOf)
  }

  /** As in CopyResult: they changed nothing of the outcomes. */
  get warnings(): readonly CopyError[] {
    return this.#course.shutdown.warnings
  }

  async #decide(fault: ReceiverFault<Receiver>, onFault: OnFault): Promise<void> {
    if (onFault === 'isolate') return
    if (onFault === 'abort') {
      await this.#course.end('another receiver failed')
      throw this.#course.shutdown.failed(fault)
    }
    try {
      await Promise.race([onFault(fault, this), this.#course.ended])
    } catch (cause) {
      await this.#course.end('the copy was aborted')
      throw this.#course.shutdown.aborted('onFault threw', { cause })
    }
    await this.#course.refuseEnded()
  }

  #tell(event: ReceiverEvent, receiver: string | undefined): void {
    switch (event.type) {
      case 'notice':
        this.emit('notice', event, receiver)
        break
      case 'notification':
        this.emit('notification', event, receiver)
        break
      case 'parameter':
        this.emit('parameter', event, receiver)
        break
      case 'slow':
        this.emit('slow', event, receiver)
        break
      default:
        throw new TypeError(`unknown event ${JSON.stringify(event satisfies never)}`)
    }
  }

  #result(): CopyResult {
    const { passes, clock } = this.#course
    const { seconds, openSeconds } = clock
    const { messages, bytes, end } = passes.first
    const receivers = this.outcomes
    const rows = end?.rows ?? receivers.find((outcome) => outcome.rows !== undefined)?.rows
    const { warnings } = this
    return { messages, bytes, ...(rows !== undefined && { rows }), seconds, openSeconds, receivers, warnings }
  }
}
