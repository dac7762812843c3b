import type { Completion } from '../../shared/messages/messages.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'

/** A target that discards all rows: a copy into it measures the engine alone. */
export class NullTarget implements Target {
  readonly redelivers = true
  readonly maxInFlight = Number.POSITIVE_INFINITY
  readonly failed = new Promise<never>(() => undefined)

  async open(): Promise<void> {}

  send(_slice: RingSlice, sent: (error?: unknown) => void): void {
    sent()
  }

  async complete(): Promise<Completion> {
    return { commits: false }
  }

  async commit(): Promise<void> {}

  async abort(): Promise<boolean> {
    return true
  }

  async close(): Promise<void> {}
}
