import type { CopyError } from '../../shared/errors/errors.js'
import type { AbortReason, Completion, ReceiverEvent } from '../../shared/messages/messages.js'
import type { Diagnosed } from '../links/linked-runner.js'
import type { Receiver } from '../receivers/receiver.js'
import type { Moved } from '../ring/slice-totals.js'
import type { ReceiverState } from './receiver-state.js'

/** A receiver as observers, stats and outcomes see it. Live. */
export interface ReceiverView {
  readonly receiver: Receiver
  readonly name: string
  readonly state: ReceiverState
  readonly fault: CopyError | undefined
  readonly completion: Completion | undefined
  readonly subscription: {
    /** What it has released in its pass. */
    readonly progress: Moved
    /** Share of the ring's slots that it has not released, 0 to 1; 0 when it takes no part in the pass. */
    readonly ringShare: number
  }
  readonly runner: Diagnosed
  readonly timer: PassTimes
}

/** How often a receiver took part in a pass, and how long its last one took. */
export interface PassTimes {
  /** Passes that it took part in. */
  readonly passes: number
  /** From the begin of its pass to its completion. */
  readonly seconds: number
}

/**
 * Hears what happens in one copy. The manager makes one object, and passes that object to coordinator, group and
 * handles. The way of a worker's fault up to the caller of `CopyManager.next()`:
 *
 * 1. `workers/targets`: the target rejects its promise `failed`
 * 2. `shared/runner/receiver-runner.ts`: the runner catches that and reports a fault
 * 3. `workers/receiver-worker.ts`: the fault becomes an ErrorRecord and goes through the port
 * 4. `main/links/worker-link.ts`: the link makes an error of the record, and calls its listener's `reported`
 * 5. `main/handles/receiver-handle.ts`: `reported` enters the state `faulted`, and calls the observer's `receiverChanged`
 * 6. `main/manager/observers.ts`: `receiverChanged` publishes diagnostics and wakes the loop
 * 7. `main/coordinator/copy-coordinator.ts`: `next` throws the faults that were not reported before
 * 8. `main/manager/copy-manager.ts`: `next` rejects
 */
export interface CopyObserver {
  /** The receiver's state changed. */
  receiverChanged(receiver: ReceiverView): void
  /** A server sent something unasked, or something is slow: at the receiver of this name, or at the producer. */
  event(event: ReceiverEvent, receiver: string | undefined): void
  /** Something failed that the caller need not act on. */
  warned(warning: CopyError): void
  /** `open()` was called. */
  begun(): void
  /** A pass is about to begin. */
  passStarted(pass: number): void
  producerFailed(fault: CopyError): void
  /** The faulted receiver of this name was reconciled. */
  reconciled(receiver: string, from: 'cursor' | 'start'): void
  /** The copy is over, and everything is released. */
  ended(reason: AbortReason): void
}
