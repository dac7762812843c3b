import type { CopyPhase } from '../../shared/errors/codes.js'
import { Session } from '../../shared/session/session.js'
import type { ConnectionParameters } from '../../shared/wire/connection-parameters.js'

/** A connection that answers queries. */
interface QuerySession {
  /** Names the server, for error texts. */
  readonly server: string
  /** @returns the rows, each value as text or null */
  query(text: string, phase: CopyPhase): Promise<(string | null)[][]>
  /** Closes the connection at once. */
  destroy(): void
  /** Closes or releases the connection, within the deadline. */
  close(deadlineMs: number): Promise<void>
}

/** How to reach a receiver's server on another connection, to ask for the result of a COMMIT whose answer was lost. */
export interface ServerAccess {
  /** A clause for error texts: there was no connection in time. */
  readonly unreached: string
  /**
   * Connects.
   * @param connectMs how long connecting may take; 0 for no limit
   * @param signal cancels connecting
   * @throws CopyError COPY_CONNECT, COPY_TLS or COPY_PROTOCOL
   */
  connect(connectMs: number, signal: AbortSignal): Promise<QuerySession>
}

/** Reaches a server by a connection of its own. */
export const directAccess = (data: ConnectionParameters): ServerAccess => ({
  unreached: 'it was not reached',
  connect: (connectMs, signal) => Session.open(data, { connectMs, signal }),
})
