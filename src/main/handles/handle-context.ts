import type { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverEvent } from '../../shared/messages/messages.js'
import type { Deadlines } from '../options/deadlines.js'
import type { RingGate } from '../ring/gate.js'
import type { Ring } from '../ring/ring.js'
import type { Moved } from '../ring/slice-totals.js'

/** What a copy gives to the handle of one receiver. */
export interface HandleContext {
  readonly ring: Ring
  readonly gate: RingGate
  /** What lies before a sequence in the pass under way. */
  readonly before: (sequence: number) => Moved
  readonly deadlines: Required<Deadlines>
  /** Tells of what the caller need not act on. */
  readonly warn: (warning: CopyError) => void
  /** Something about the receiver changed. */
  readonly changed: () => void
  /** Its server spoke on its own account. */
  readonly event: (event: ReceiverEvent) => void
}

/** Where a receiver takes part from. */
export interface PassStart {
  readonly pass: number
  readonly sequence: number
  readonly stallMs: number
  readonly slowMs: number
}
