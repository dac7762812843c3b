import { CopyError } from '../../shared/errors/errors.js'
import { refuseUnknown } from './unknown-option.js'

/**
 * What becomes of a receiver that is slower than the others.
 *
 * `block`, the default: they wait for it. A copy keeps no more of what a slow one has not taken than the ring holds.
 *
 * `drop`: one that holds up the others for longer than `seconds` gets the fault `COPY_LAG`: its connection is closed at
 * once, a client of yours included, and the others go on without waiting for anybody's decision. Under
 * `onFault: 'abort'` that ends the copy like every fault, unless `retry` is set; under `'isolate'` it is dropped; your own
 * loop gets it as a ReceiverFault. It cannot go on from where it stood: reconcile it from the start.
 *
 * It holds them up while the writer waits for it and another one has nothing left to do. That time counts up, any
 * other time counts down as fast: hiccups and one that is a little slower are forgiven; less than half as fast as the
 * others is too slow. Nobody is blamed for a slow source or a slow loop, and none is dropped when all are as slow, or
 * when it has a pass for itself.
 *
 * A CallReceiver with `zeroCopy` is never dropped for that: its function may still read the slot that it was lent.
 */
export type LagOptions =
  | { readonly policy: 'block'; readonly seconds?: undefined }
  | {
      readonly policy: 'drop'
      /** More than 0, fractions allowed. */
      readonly seconds: number
    }

const MAX_SECONDS = 2_000_000

/** @throws CopyError COPY_OPTION naming what is wrong and what is legal */
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
