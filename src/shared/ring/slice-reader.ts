import type { StreamState, Wait } from './cells.js'

/**
 * The source of a receiver's slices, as the drain loop sees it; `RingReader` is the only one today. A reader knows two
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

/** One slice as a receiver sees it. Its memory is the slot itself: valid until the slice is released. */
export interface RingSlice {
  readonly sequence: number
  /** CopyData header and payload, one contiguous wire message. */
  readonly frame: Uint8Array<SharedArrayBuffer>
  /** Payload bytes: frame less its header. */
  readonly bytes: number
  /** Rows (CopyData messages of the producer) that end in this slice. */
  readonly rows: number
  /** Whether the last row goes on in the next slice. */
  readonly continues: boolean
  /** Whether the slice begins inside a row, which the slice before began. */
  readonly continued: boolean
}
