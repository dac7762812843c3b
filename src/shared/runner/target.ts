import type { CopyPhase } from '../errors/codes.js'
import type { WaitDiagnosis } from '../liveness/slowness.js'
import type { Completion } from '../messages/messages.js'
import type { RingSlice } from '../ring/reader.js'

/**
 * What stands behind a receiver in its own thread: where slices go. The ring and the protocol with main are not its
 * business; ReceiverLife has those. Methods are called one at a time, but for `send`, and in this order:
 * open, send…, complete, commit; abort at any moment; open again for a further pass; end once.
 */
export interface Target {
  /** While `open` is under way, what it does: `connect` or `start`. To tell of a target that is slow. */
  readonly phase?: CopyPhase
  /** Connects and begins; resolves when slices may be sent. */
  open(pass: number): Promise<void>
  /** Whether a slice that it did not take may be sent to it again. A server's connection is of no more use then. */
  readonly redelivers: boolean
  /** How many slices may be in flight: sent, with `sent` not called yet. */
  readonly maxInFlight: number
  /**
   * Takes one slice. `sent` is called once, in the order of the slices: without an error when the slice's memory may be
   * overwritten, with an error when this slice could not be taken. It may be left out when `failed` rejects.
   */
  send(slice: RingSlice, sent: (error?: unknown) => void): void
  /** Of the pass that was opened last: rejects when the target can go on no more, whether or not a slice is being sent. */
  readonly failed: Promise<never>
  /** All slices were sent: makes the data complete, all but visible. */
  complete(): Promise<Completion>
  /** Makes it visible. */
  commit(): Promise<void>
  /**
   * Gives up what was begun. Resolves when nothing can be read from slices any more.
   * @returns whether the connection is aligned: usable again
   */
  abort(reason: string, deadlineMs: number): Promise<boolean>
  end(deadlineMs: number): Promise<void>
  /**
   * At any time: asks what a target that is slow waits for. `gone` when there is nothing to wait for any more and it
   * has failed by itself. It must settle soon after `abort` or `end`.
   */
  diagnose?(): Promise<WaitDiagnosis | 'gone' | undefined>
}
