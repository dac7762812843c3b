import type { CopyPhase } from '../errors/codes.js'
import { CopyError } from '../errors/errors.js'

/** How long the steps of a producer or receiver may take, in milliseconds; 0 for no limit. */
export interface StepDeadlines {
  /** Connecting and authenticating. */
  readonly connectMs: number
  /** From the end of connecting until the COPY has begun. */
  readonly startMs: number
  /** From CopyDone until COMMIT is answered, without the wait for other receivers. */
  readonly finishMs: number
}

/** Default for additional connections, e.g. cancel requests, where connecting has no limit. */
const SIDE_CONNECTION_MS = 10_000

/** How long an additional connection may take in all, in milliseconds. */
export const sideConnectionMs = (connectMs: number): number => connectMs || SIDE_CONNECTION_MS

/** The longest delay of a timer in Node, in milliseconds: a longer delay fires at once. */
export const MAX_MS = 2 ** 31 - 1

const tooLate = (phase: CopyPhase, message: string): CopyError =>
  new CopyError('COPY_TIMEOUT', message, { phase })

/** @param who the server, e.g. `db1:5432` @param why the reason of the delay, if known */
export const startTimeout = (who: string, limitMs: number, why?: string): CopyError => {
  const message = `${who} did not begin the COPY within ${limitMs} ms (deadlines.start)`
  return tooLate('start', why === undefined ? message : `${message}: ${why}`)
}

/** @param who the server, e.g. `db1:5432` */
export const finishTimeout = (who: string, limitMs: number): CopyError =>
  tooLate('complete', `${who} did not complete the COPY within ${limitMs} ms (deadlines.finish)`)
