import { CopyError } from '../../shared/errors/errors.js'
import { refuseUnknown } from './unknown-option.js'

/**
 * What heals by itself is tried again by itself: a fault that is `retryable` reconciles its receiver from the start,
 * and a further pass feeds it, while the others are complete and wait, or have committed under `atomicity: 'each'`.
 * Never data that a server refuses, a full disk, a wrong password, rows that do not agree, or a COMMIT that is in
 * doubt; never a client of yours, a CallReceiver, or the receivers of a source that can run only once.
 */
export interface RetryOptions {
  /** How often for each receiver, 0 to 1,000. Each time it cannot be connected again counts. */
  readonly times: number
  /**
   * How long after the first fault a further pass begins at the earliest, in milliseconds, 0 to 60,000; 1,000 unless
   * given. It doubles with each further time, up to 60,000.
   */
  readonly backoff?: number
}

const DEFAULT_BACKOFF_MS = 1000

export const MAX_BACKOFF_MS = 60_000

const MAX_TIMES = 1000

/** @throws CopyError COPY_OPTION naming what is wrong and what is legal */
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
