import type { CopyErrorCode, CopyPhase } from './codes.js'

/** Conditions of a server that are temporary, or after which PostgreSQL advises clients to retry. */
const TRANSIENT_STATES: readonly string[] = [
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53300', // too_many_connections
  '57P01', // admin_shutdown: also of a single backend, by pg_terminate_backend
  '57P02', // crash_shutdown: another backend crashed
  '57P03', // cannot_connect_now: starting up, shutting down, recovering
]

/** Errors of Node after which a connection may succeed later. ENOTFOUND is not here: an unknown name is usually a mistake. */
const TRANSIENT_CODES: readonly unknown[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]

/** Errors without a code: pg's connection ended while connecting; the Unix socket of a server that does not run. */
const TRANSIENT_MESSAGES = /^Connection terminated|^connect ENOENT /

interface Facts {
  readonly code: CopyErrorCode
  readonly phase?: CopyPhase | undefined
  readonly sqlState?: string | undefined
  readonly cause?: unknown
}

/**
 * Whether the same work may succeed if it is simply tried again: after a connection that was lost or cannot be made now, a
 * server that restarts, a deadlock, or a receiver that was too slow. Never after data that a server refuses, a full disk,
 * a wrong password, row counts that differ, or a COMMIT that may have succeeded.
 */
export const isRetryable = ({ code, phase, sqlState, cause }: Facts): boolean => {
  // neither a server that shuts down nor a lost connection says whether a COMMIT that was sent took effect
  if (phase === 'commit' && (sqlState === undefined || sqlState.startsWith('57'))) return false
  switch (code) {
    case 'COPY_CONNECT':
      return sqlState === undefined ? isTransient(cause) : TRANSIENT_STATES.includes(sqlState)
    case 'COPY_SERVER':
      return sqlState !== undefined && TRANSIENT_STATES.includes(sqlState)
    case 'COPY_CONNECTION_LOST':
    case 'COPY_LAG':
      return true
    default:
      return false
  }
}

const isTransient = (cause: unknown): boolean => {
  if (!(cause instanceof Error)) return false
  if (TRANSIENT_CODES.includes((cause as { code?: unknown }).code)) return true
  return TRANSIENT_MESSAGES.test(cause.message) || isTransient(cause.cause)
}
