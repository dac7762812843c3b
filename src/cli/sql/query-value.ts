import pg from 'pg'
import { type ConnectionInput, Connector, CopyAborted, CopyError, type ServerFields } from '../../index.js'
import { messageOf } from '../text/message-of.js'
import { BoundedConnection } from './bounded-connection.js'

/** The library's defaults of `deadlines.connect` and `deadlines.start`. A lock on a table can delay the answer. */
const CONNECT_MS = 10_000
const ANSWER_MS = 60_000

/** As a copy does: a timeout that is meant for other work must not end the query, and the query changes nothing. */
const BEGIN = `BEGIN READ ONLY;
  SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
  SELECT set_config('transaction_timeout', '0', true) WHERE current_setting('transaction_timeout', true) IS NOT NULL`

/**
 * Sends one query to a server, on a connection of its own.
 * @param query returns at most one row with one value, made by `json_build_object` or a similar function
 * @returns the value; undefined for no row or null
 * @throws CopyError COPY_OPTION, COPY_CONNECT, COPY_TLS, COPY_SERVER, COPY_CONNECTION_LOST, or COPY_TIMEOUT without an
 *   answer within 60 s; CopyAborted when the signal fires
 */
export const queryValue = async (
  connection: ConnectionInput,
  query: string,
  signal: AbortSignal,
): Promise<unknown> => {
  const bounds = { deadlineMs: ANSWER_MS, connectMs: CONNECT_MS, signal }
  const bounded = new BoundedConnection(new Connector(connection), bounds)
  try {
    const client = await bounded.open()
    const text = `SELECT answer::text FROM (${query}) AS question (answer)`
    await client.query(BEGIN)
    const answer = (await client.query<{ answer: string | null }>(text)).rows[0]?.answer
    await client.query('ROLLBACK')
    return typeof answer === 'string' ? JSON.parse(answer) : undefined
  } catch (error) {
    if (signal.aborted) throw new CopyAborted('the query was interrupted', { cause: signal.reason })
    throw bounded.isLate ? late(error) : faultOf(error)
  } finally {
    await bounded.close()
  }
}

const late = (cause: unknown): CopyError =>
  new CopyError('COPY_TIMEOUT', `the server did not answer within ${ANSWER_MS / 1000} s`, {
    phase: 'start',
    cause,
  })

/** Fields of pg.DatabaseError that are not in ServerFields: facts of their own, and places in PostgreSQL's source. */
const OTHER_FIELDS = ['name', 'code', 'file', 'line']

const faultOf = (error: unknown): CopyError => {
  if (error instanceof CopyError) return error
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) {
    const message = `lost the connection: ${messageOf(error)}`
    return new CopyError('COPY_CONNECTION_LOST', message, { phase: 'start', cause: error })
  }
  const fields = Object.entries(error).filter(
    ([name, value]) => typeof value === 'string' && !OTHER_FIELDS.includes(name),
  )
  return new CopyError('COPY_SERVER', error.message, {
    phase: 'start',
    sqlState: error.code,
    server: Object.fromEntries(fields) as ServerFields,
    cause: error,
  })
}
