import pg from 'pg'
import type { CopyErrorCode, CopyPhase } from '../errors/codes.js'
import { CopyError, SERVER_FIELDS, type ServerFields } from '../errors/errors.js'

/** pg's error for a message that comes while no query runs. */
const OUT_OF_PLACE = /^Received unexpected \w+ message from backend\.$/
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/**
 * Turns any error of pg into a CopyError. A server's error keeps its SQLSTATE and fields. Any other error is a lost
 * connection, or in the phase `connect` no connection. Control characters in a server's text are replaced.
 */
export const toCopyError = (error: unknown, phase: CopyPhase): CopyError => {
  if (error instanceof CopyError) return error.phase === undefined ? error.with({ phase }) : error
  if (error instanceof pg.DatabaseError) {
    const code: CopyErrorCode = phase === 'connect' ? 'COPY_CONNECT' : 'COPY_SERVER'
    if (error.code === undefined) {
      // pg builds a DatabaseError of its own, without a code, for a message type it does not know
      return new CopyError('COPY_PROTOCOL', clean(error.message), { phase, cause: error })
    }
    return new CopyError(code, clean(error.message), {
      phase,
      sqlState: clean(error.code),
      server: serverFields(error),
      cause: error,
    })
  }
  const message =
    error instanceof Error ? error.message || String((error as { code?: unknown }).code) : String(error)
  if (OUT_OF_PLACE.test(message)) return new CopyError('COPY_PROTOCOL', message, { phase, cause: error })
  const code: CopyErrorCode = phase === 'connect' ? 'COPY_CONNECT' : 'COPY_CONNECTION_LOST'
  return new CopyError(code, clean(message), { phase, cause: error })
}

/**
 * As toCopyError; for a lost connection the text names the connection and the reason.
 * @param connection e.g. `the connection to db1:5432`
 * @param lost the first error of the socket: pg reports every end as "terminated unexpectedly"
 */
export const sessionFault = (
  error: unknown,
  phase: CopyPhase,
  connection: string,
  lost: Error | undefined,
): CopyError => {
  const fault = toCopyError(error, phase)
  if (fault.code !== 'COPY_CONNECTION_LOST') return fault
  const first = lost && toCopyError(lost, phase)
  if (first?.code === 'COPY_PROTOCOL') return first
  const cause = lost ?? fault.cause
  const said = cause instanceof Error ? cause.message : fault.message
  return new CopyError(fault.code, `lost ${connection}: ${said}`, { phase, cause })
}

const serverFields = (error: pg.DatabaseError): ServerFields => {
  const fields: { -readonly [F in keyof ServerFields]: string } = {}
  for (const field of SERVER_FIELDS) {
    const value = error[field]
    if (typeof value === 'string') fields[field] = clean(value)
  }
  return fields
}

/** A server's text without control characters, safe for a terminal and a log. */
export const clean = (text: string): string => text.replace(CONTROL_CHARACTERS, '\ufffd')
