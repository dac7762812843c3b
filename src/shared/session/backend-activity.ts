import { messageOf } from '../errors/errors.js'
import type { BackendState, WaitDiagnosis } from '../liveness/slowness.js'
import type { ConnectionParameters } from '../wire/connection-parameters.js'
import { type BackendId, SERVER_START } from './backend-id.js'
import { Session } from './session.js'
import { sideConnectionMs } from './step-deadlines.js'

/** The function and not the view, which would wait where somebody has locked the catalogs that it joins. */
const question = ({ processId }: BackendId): string =>
  `SELECT ${SERVER_START}, a.pid, a.state, a.wait_event_type, a.wait_event,
    pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(${processId}), ',')
  FROM (SELECT 1) AS always LEFT JOIN pg_catalog.pg_stat_get_activity(${processId}) AS a ON true`

/** The goodbye of such a connection, at most. */
const END_MS = 500

export interface ActivityOptions {
  readonly connectMs: number
  /** Lets go of the connection that asks. */
  readonly signal: AbortSignal
}

/**
 * Asks a session's server what its backend is doing, on a connection of its own, within the deadline for connecting.
 * When the server knows the backend no more, the session is lost: what is under way on it ends with that fault.
 * @returns never rejects: why it could not be asked is `unasked`
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
  const until = performance.now() + limitMs
  const session = await Session.open(data, { connectMs: limitMs, signal })
  const giveUp = (): void => session.lose(`no answer within ${limitMs} ms (deadlines.connect)`)
  const timer = setTimeout(giveUp, Math.max(1, until - performance.now()))
  signal.addEventListener('abort', giveUp)
  try {
    if (signal.aborted) giveUp()
    const [row = []] = await session.query(question(id), 'connect')
    return row
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
    await session.end(END_MS)
  }
}

const toState = (processId: number, row: readonly (string | null)[]): BackendState => {
  const [, , state = null, waitEventType = null, waitEvent = null, blocking] = row
  const blockedBy = blocking ? blocking.split(',').map(Number) : []
  return { processId, state, waitEventType, waitEvent, blockedBy }
}
