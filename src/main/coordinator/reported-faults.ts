import { type CopyError, ReceiverFault } from '../../shared/errors/errors.js'
import type { ReceiverHandle } from '../handles/receiver-handle.js'
import type { Receiver } from '../receivers/receiver.js'

/** Which faulted receivers the caller knows of: each fault is thrown once, and the next turn drops its receiver. */
export class ReportedFaults {
  readonly #reported = new Set<ReceiverHandle>()

  /** Takes the faults that the caller does not know of yet; undefined when there are none. */
  take(handles: readonly ReceiverHandle[]): ReceiverFault<Receiver> | undefined {
    const faults = new Map<Receiver, CopyError>()
    for (const handle of handles) {
      const { fault, receiver, state } = handle
      if (state !== 'faulted' || fault === undefined) this.#reported.delete(handle)
      else if (!this.#reported.has(handle)) {
        this.#reported.add(handle)
        faults.set(receiver, fault)
      }
    }
    return faults.size === 0 ? undefined : new ReceiverFault(faults)
  }

  /** The receiver is reconciled: its next fault is a new one, also when that comes before the next turn. */
  forget(handle: ReceiverHandle): void {
    this.#reported.delete(handle)
  }

  /** The receivers whose fault the caller knows of and did not reconcile. */
  undecided(handles: readonly ReceiverHandle[]): readonly ReceiverHandle[] {
    return handles.filter((handle) => handle.state === 'faulted' && this.#reported.has(handle))
  }
}
