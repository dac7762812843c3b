import type { StreamState, Wait } from '../ring/cells.js'
import type { RingSlice } from '../ring/reader.js'

/**
 * Where a receiver's slices come from, as the drain loop needs it: the read cursor of a ring today. A reader knows two
 * places, handed and released; the slices between them are in flight. Invariant: released ≤ handed ≤ published.
 */
export interface SliceReader {
  /** Slices that were handed out and not released. */
  readonly inFlight: number
  /** Sequence of the next slice to release. */
  readonly released: number
  /** Hands out the next slice, valid until it is released; undefined when there is none now. */
  next(): RingSlice | undefined
  /** Gives back the oldest slice in flight: only after its bytes have left. @throws RangeError when none is in flight */
  release(): void
  /** Hands out again the slices in flight. */
  rewind(): void
  /** The state of the stream: when it was `ended` before `next()` found nothing, no further slice will come. */
  state(): StreamState
  /** A count that changes with each publish and each change of state. Read it before `state()` and `next()`. */
  bell(): number
  /** Waits until the bell is no longer `seen`, at most `boundMs`; keeps no thread alive. */
  waitForBell(seen: number, boundMs: number): Wait
}
