import type { CopyError } from '../../shared/errors/errors.js'
import type { AbortReason, ReceiverEvent } from '../../shared/messages/messages.js'
import type { ReceiverHandle } from './receiver-handle.js'

/** Who is told of what happens in the course of a copy. */
export interface CopyObserver {
  /** A server spoke on its own account: to the receiver of this name, or to the producer. */
  event(event: ReceiverEvent, receiver: string | undefined): void
  /** A receiver's state changed. */
  changed(handle: ReceiverHandle): void
  begun(): void
  /** A pass is about to begin. */
  passing(pass: number): void
  /** The producer failed. */
  failed(error: CopyError): void
  /** The faulted receiver of this name was taken back. */
  reconciled(receiver: string, from: 'cursor' | 'start'): void
  /** Everything was let go of. */
  ended(reason: AbortReason): void
}
