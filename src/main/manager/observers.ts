import type { EventEmitter } from 'node:events'
import type { CopyError } from '../../shared/errors/errors.js'
import type { AbortReason, ReceiverEvent } from '../../shared/messages/messages.js'
import type { EventCount } from '../coordinator/event-count.js'
import type { CopyObserver, ReceiverView } from '../handles/copy-observer.js'
import type { ReceiverState } from '../handles/receiver-state.js'
import type { Receiver } from '../receivers/receiver.js'
import type { Diagnostics, Managed } from './diagnostics.js'
import type { CopyManagerEvents } from './events.js'

/** What a state says of whether a receiver takes part; a state that is not listed changes nothing. */
const TAKES_PART: Partial<Record<ReceiverState, boolean>> = {
  opening: true,
  waiting: true,
  receiving: true,
  completing: true,
  faulted: false,
  dropped: false,
}

/** All that hear of a copy: the manager's listeners, the diagnostics channels, and what the loop and callers look at. */
export class Observers implements CopyObserver {
  /** Receivers that are taking part. Live. */
  readonly receivers: Set<Receiver>
  /** Warnings so far. Live. */
  readonly warnings: CopyError[] = []
  readonly #emitter: EventEmitter<CopyManagerEvents>
  readonly #diagnostics: Diagnostics<Managed>
  readonly #eventCount: EventCount

  /** @param eventCount wakes the coordinator's loop */
  constructor(
    receivers: readonly Receiver[],
    emitter: EventEmitter<CopyManagerEvents>,
    diagnostics: Diagnostics<Managed>,
    eventCount: EventCount,
  ) {
    this.receivers = new Set(receivers)
    this.#emitter = emitter
    this.#diagnostics = diagnostics
    this.#eventCount = eventCount
  }

  receiverChanged(view: ReceiverView): void {
    this.#diagnostics.receiverChanged(view)
    const takesPart = TAKES_PART[view.state]
    if (takesPart === true) this.receivers.add(view.receiver)
    if (takesPart === false) this.receivers.delete(view.receiver)
    this.#eventCount.notify()
  }

  event(event: ReceiverEvent, receiver: string | undefined): void {
    switch (event.type) {
      case 'notice':
        this.#emitter.emit('notice', event, receiver)
        break
      case 'notification':
        this.#emitter.emit('notification', event, receiver)
        break
      case 'parameter':
        this.#emitter.emit('parameter', event, receiver)
        break
      case 'slow':
        this.#emitter.emit('slow', event, receiver)
        break
      default:
        throw new TypeError(`unknown event ${JSON.stringify(event satisfies never)}`)
    }
  }

  warned(warning: CopyError): void {
    this.warnings.push(warning)
  }

  begun(): void {
    this.#diagnostics.begun()
  }

  passStarted(pass: number): void {
    this.#diagnostics.passStarted(pass)
  }

  producerFailed(fault: CopyError): void {
    this.#diagnostics.failed(undefined, fault)
  }

  reconciled(receiver: string, from: 'cursor' | 'start'): void {
    this.#diagnostics.reconciled(receiver, from)
  }

  ended(reason: AbortReason): void {
    this.#diagnostics.ended(reason)
  }
}
