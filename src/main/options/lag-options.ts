import { CopyError } from '../../shared/errors/errors.js'
import { refuseUnknown } from './unknown-option.js'

/**
 * What happens to a receiver that is slower than the others.
 *
 * `block`, the default: the others wait for the slow receiver. However slow it is, a copy buffers no more data than the
 * ring holds.
 *
 * `drop`: a receiver that holds up the others for longer than `seconds` has a fault COPY_LAG. Its connection is closed at
 * once, even if it is a client of yours, and the others go on without waiting for a decision. Unless `retry` takes the
 * receiver back, the fault ends the copy under `onFault: 'abort'` and drops the receiver under `'isolate'`; a loop of
 * your own gets a ReceiverFault. Such a receiver cannot go on from its cursor: reconcile it from the start.
 *
 * A receiver holds up the others while the source waits for a slot that this receiver has not released, and another
 * receiver has nothing left to do. That time counts up, and all other time counts down at the same rate. So short pauses
 * and a slightly slower receiver are tolerated; a receiver that is less than half as fast as the others is too slow. No
 * receiver is dropped because of a slow source or a slow loop, when all receivers are equally slow, or when it is the
 * only receiver in a pass.
 *
 * A CallReceiver with `zeroCopy` is never dropped for its lag: its function may still read the slot that it was lent.
 */
export type LagOptions =
  | { readonly policy: 'block'; readonly seconds?: undefined }
  | {
      readonly policy: 'drop'
      /** How long, in seconds: more than 0, at most 2,000,000; fractions are allowed. */
      readonly seconds: number
    }

const MAX_SECONDS = 2_000_000

/** Checks `lag`. @throws CopyError COPY_OPTION that names the problem and the legal values */
export const checkLag = (lag: LagOptions = { policy: 'block' }): LagOptions => {
  if (typeof lag !== 'object' || lag === null) {
    throw new CopyError('COPY_OPTION', "lag must be { policy: 'block' } or { policy: 'drop', seconds }")
  }
  refuseUnknown(lag, ['policy', 'seconds'], 'option lag.')
  const { policy, seconds } = lag as { policy: unknown; seconds?: unknown }
  if (policy !== 'block' && policy !== 'drop') {
    throw new CopyError('COPY_OPTION', `lag.policy must be 'block' or 'drop', not ${String(policy)}`)
  }
  if (policy === 'block' && seconds !== undefined) {
    throw new CopyError(
      'COPY_OPTION',
      "lag.seconds is for lag.policy 'drop': under 'block' all wait for the slowest",
    )
  }
  if (policy === 'drop' && !(typeof seconds === 'number' && seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new CopyError(
      'COPY_OPTION',
      `lag.seconds must be a number greater than 0, at most ${MAX_SECONDS}, under lag.policy 'drop', not ${String(seconds)}`,
    )
  }
  return lag
}
