import type { ServerEvent } from '../shared/session.js'
import type { ReceiverHandle } from './receiver-handle.js'
import type { Ring } from './ring.js'
import type { RingGate } from './ring-gate.js'
import type { Moved } from './slice-totals.js'

/** What a copy gives to the handles of its receivers. */
export interface HandleContext {
  readonly ring: Ring
  readonly gate: RingGate
  /** What lies before a sequence in the pass under way. */
  readonly before: (sequence: number) => Moved
  /** Something about a receiver changed. */
  readonly changed: (handle: ReceiverHandle) => void
  readonly event: (handle: ReceiverHandle, event: ServerEvent) => void
}

/** Where a receiver takes part from. */
export interface Joining {
  readonly pass: number
  readonly sequence: number
  readonly stallMs: number
}
