import type { ReceiverHandle } from '../handles/receiver-handle.js'

/** How often each receiver was retried, and when its next pass may begin. */
export class RetrySchedule {
  readonly #retries = new Map<ReceiverHandle, { readonly count: number; readonly dueAt: number }>()

  countOf(handle: ReceiverHandle): number {
    return this.#retries.get(handle)?.count ?? 0
  }

  /** Counts a retry. @param pauseMs the least time before its next pass, in milliseconds */
  add(handle: ReceiverHandle, pauseMs: number): void {
    const count = this.countOf(handle) + 1
    this.#retries.set(handle, { count, dueAt: performance.now() + pauseMs })
  }

  /** How long a pass with these receivers must still wait, in milliseconds; 0 when it may begin now. */
  pauseMs(handles: readonly ReceiverHandle[]): number {
    const dueAt = Math.max(0, ...handles.map((handle) => this.#retries.get(handle)?.dueAt ?? 0))
    return Math.max(0, dueAt - performance.now())
  }
}
