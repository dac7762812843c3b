import type { CopyPhase } from '../errors/codes.js'
import type { WaitDiagnosis } from '../liveness/slowness.js'
import type { Completion } from '../messages/messages.js'
import type { RingSlice } from '../ring/slice-reader.js'

/**
 * Where a receiver's slices go, in the receiver's own thread. A target knows neither the ring nor the protocol with main;
 * ReceiverRunner does. Except for `send`, methods are called one at a time, in this order: open, send…, complete, commit;
 * abort at any moment; open again for a further pass; close once.
 */
export interface Target {
  /** The step of an `open` under way, `connect` or `start`; for reports of a slow target. */
  readonly phase?: CopyPhase
  /** Connects and begins the COPY; resolves when slices may be sent. */
  open(pass: number): Promise<void>
  /** Whether a slice that failed may be sent again. Not to a server: after a failed slice its connection is unusable. */
  readonly redelivers: boolean
  /** How many slices may be in flight: given to `send`, with `sent` not called yet. */
  readonly maxInFlight: number
  /**
   * Takes one slice. `sent` is called once, in the order of the slices: without an error when the slice's memory may be
   * overwritten, with an error when this slice could not be taken. It need not be called when `failed` rejects.
   */
  send(slice: RingSlice, sent: (error?: unknown) => void): void
  /** For the pass that was opened last: rejects when the target cannot go on, whether or not a slice is being sent. */
  readonly failed: Promise<never>
  /** All slices were sent: completes the data, without making it visible. */
  complete(): Promise<Completion>
  /** Makes the data visible. */
  commit(): Promise<void>
  /**
   * Aborts the pass. Resolves when no slice can be read any more.
   * @returns whether the connection is aligned: it can be used again
   */
  abort(reason: string, deadlineMs: number): Promise<boolean>
  /** Releases everything. */
  close(deadlineMs: number): Promise<void>
  /**
   * At any time: asks what a slow target waits for. `gone` when the target has nothing to wait for any more and fails on
   * its own. Settles soon after `abort` or `close`.
   */
  diagnose?(): Promise<WaitDiagnosis | 'gone' | undefined>
}
