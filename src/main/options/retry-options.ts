import { CopyError } from '../../shared/errors/errors.js'
import { refuseUnknown } from './unknown-option.js'

/**
 * Retries a receiver after a transient error: if its fault is `retryable`, the receiver is reconciled from the start, and
 * a further pass over the same data loads it. Meanwhile the other receivers, which are complete, wait to commit, or have
 * committed under `atomicity: 'each'`.
 *
 * Never retried are data that a server refuses, a full disk, a wrong password, row counts that differ, and a COMMIT that
 * is in doubt; nor a `pg.Client` or an open stream of yours, a CallReceiver, and any receiver of a source that can run
 * only once.
 */
export interface RetryOptions {
  /** How often each receiver is retried at most, 0 to 1,000. A failed attempt to connect again counts too. */
  readonly times: number
  /**
   * The least time between a receiver's first fault and its next pass, in milliseconds, 0 to 60,000. Default: 1,000. It
   * doubles with each further retry, up to 60,000.
   */
  readonly backoff?: number
}

const DEFAULT_BACKOFF_MS = 1000

export const MAX_BACKOFF_MS = 60_000

const MAX_TIMES = 1000

/** Checks `retry`. @throws CopyError COPY_OPTION that names the problem and the legal values */
export const checkRetry = (retry: RetryOptions = { times: 0 }): Required<RetryOptions> => {
  if (typeof retry !== 'object' || retry === null) {
    throw new CopyError('COPY_OPTION', 'retry must be { times, backoff }')
  }
  refuseUnknown(retry, ['times', 'backoff'], 'option retry.')
  const { times, backoff = DEFAULT_BACKOFF_MS } = retry
  if (!(Number.isInteger(times) && times >= 0 && times <= MAX_TIMES)) {
    throw new CopyError(
      'COPY_OPTION',
      `retry.times must be a whole number from 0 to ${MAX_TIMES}, not ${String(times)}`,
    )
  }
  if (!(typeof backoff === 'number' && backoff >= 0 && backoff <= MAX_BACKOFF_MS)) {
    throw new CopyError(
      'COPY_OPTION',
      `retry.backoff must be milliseconds from 0 to ${MAX_BACKOFF_MS}, not ${String(backoff)}`,
    )
  }
  return { times, backoff }
}
