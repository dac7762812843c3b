import type { ReceiverCommand } from '../../shared/messages/messages.js'
import type { Deadlines } from '../options/deadlines.js'
import type { RingGate } from '../ring/gate.js'
import type { Ring } from '../ring/ring.js'
import type { Moved } from '../ring/slice-totals.js'
import type { CopyObserver } from './copy-observer.js'

/** What a copy gives to the group of its receivers, and the group to each handle. */
export interface HandleContext {
  readonly ring: Ring
  readonly gate: RingGate
  /** Rows and bytes of the slices before a sequence, in the pass under way. */
  readonly before: (sequence: number) => Moved
  readonly deadlines: Required<Deadlines>
  readonly observer: CopyObserver
}

/** Where a receiver begins to take part, and how long it may stand still. */
export type PassStart = Omit<Extract<ReceiverCommand, { type: 'begin' }>, 'type'>
