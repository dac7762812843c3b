import type { CopyErrorCode, CopyPhase } from './codes.js'

/** Conditions of a server that pass by themselves, or that PostgreSQL tells its clients to try again after. */
const PASSING_STATES: readonly string[] = [
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53300', // too_many_connections
  '57P01', // admin_shutdown: also of one backend, by pg_terminate_backend
  '57P02', // crash_shutdown: another backend crashed
  '57P03', // cannot_connect_now: starting up, shutting down, recovering
]

/** Why a connection cannot be made, or not now. A name that is not known (ENOTFOUND) is a mistake more often than not. */
const PASSING_CODES: readonly unknown[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]

/** What has no code: pg's end in the middle of connecting; a Unix socket of a server that is not there. */
const PASSING_WORDS = /^Connection terminated|^connect ENOENT /

interface Happened {
  readonly code: CopyErrorCode
  readonly phase?: CopyPhase | undefined
  readonly sqlState?: string | undefined
  readonly cause?: unknown
}

/**
 * Whether the same might go well when it is tried again without anybody's help: a connection that was lost or cannot
 * be made now, a server that restarts, a deadlock, a receiver that was too slow. Never data that a server refuses, a
 * full disk, a wrong password, counts that differ, or a COMMIT that may have worked.
 */
export const isRetryable = ({ code, phase, sqlState, cause }: Happened): boolean => {
  // the server's own end says nothing of a COMMIT that it was sent, and neither does a lost connection
  if (phase === 'commit' && (sqlState === undefined || sqlState.startsWith('57'))) return false
  switch (code) {
    case 'COPY_CONNECT':
      return sqlState === undefined ? isPassing(cause) : PASSING_STATES.includes(sqlState)
    case 'COPY_SERVER':
      return sqlState !== undefined && PASSING_STATES.includes(sqlState)
    case 'COPY_CONNECTION_LOST':
    case 'COPY_LAG':
      return true
    default:
      return false
  }
}

const isPassing = (cause: unknown): boolean => {
  if (!(cause instanceof Error)) return false
  if (PASSING_CODES.includes((cause as { code?: unknown }).code)) return true
  return PASSING_WORDS.test(cause.message) || isPassing(cause.cause)
}
