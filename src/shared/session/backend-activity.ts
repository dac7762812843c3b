import { Budget } from '../async/budget.js'
import { cancelAfter } from '../async/deadline.js'
import { messageOf } from '../errors/errors.js'
import type { BackendState, WaitDiagnosis } from '../liveness/slowness.js'
import type { ConnectionParameters } from '../wire/connection-parameters.js'
import { type BackendId, SERVER_START } from './backend-id.js'
import { Session } from './session.js'
import { sideConnectionMs } from './step-deadlines.js'

/** Not the view pg_stat_activity: the view joins catalogs, and would wait while one of them is locked. */
const question = ({ processId }: BackendId): string =>
  `SELECT ${SERVER_START}, a.pid, a.state, a.wait_event_type, a.wait_event,
    pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(${processId}), ',')
  FROM (SELECT 1) AS always LEFT JOIN pg_catalog.pg_stat_get_activity(${processId}) AS a ON true`

/** How long closing the connection that asks may take. */
const END_MS = 500

export interface ActivityOptions {
  readonly connectMs: number
  /** Closes the connection that asks. */
  readonly signal: AbortSignal
}

/**
 * Asks a session's server what the session's backend is doing, on another connection, within the deadline for connecting.
 * When the server does not know the backend any more, the session is lost, and what is under way on it fails.
 * @returns never rejects: `unasked` says why the server could not be asked
 */
export const readBackendActivity = async (
  session: Session,
  data: ConnectionParameters,
  options: ActivityOptions,
): Promise<WaitDiagnosis | 'gone'> => {
  const { backend: id } = session
  if (id === undefined) return { unasked: 'the connection has not come far enough to ask about its backend' }
  try {
    const row = await ask(data, id, options)
    if (row[0] !== id.serverStart) {
      return { unasked: 'the question reached another server, or one that was started again' }
    }
    if (row[1] === null) {
      session.lose('its backend is gone')
      return 'gone'
    }
    return { backend: toState(id.processId, row) }
  } catch (error) {
    return { unasked: messageOf(error) }
  }
}

const ask = async (
  data: ConnectionParameters,
  id: BackendId,
  { connectMs, signal }: ActivityOptions,
): Promise<(string | null)[]> => {
  const limitMs = sideConnectionMs(connectMs)
  const budget = Budget.of(limitMs)
  const session = await Session.open(data, { connectMs: limitMs, signal })
  const why = `no answer within ${limitMs} ms (deadlines.connect)`
  const endWatch = cancelAfter(budget.leftMs, signal, () => session.lose(why))
  try {
    const [row = []] = await session.query(question(id), 'connect')
    return row
  } finally {
    endWatch()
    await session.close(END_MS)
  }
}

const toState = (processId: number, row: readonly (string | null)[]): BackendState => {
  const [, , state = null, waitEventType = null, waitEvent = null, blocking] = row
  const blockedBy = blocking ? blocking.split(',').map(Number) : []
  return { processId, state, waitEventType, waitEvent, blockedBy }
}
