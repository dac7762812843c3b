import type { Slowness } from '../../shared/liveness/slowness.js'
import type { ServerEvent } from '../../shared/session/server-events.js'

/** Each event carries what the server sent, or what is slow, and the receiver's name; undefined for the producer. */
export interface CopyManagerEvents {
  notice: [event: Extract<ServerEvent, { type: 'notice' }>, receiver: string | undefined]
  notification: [event: Extract<ServerEvent, { type: 'notification' }>, receiver: string | undefined]
  parameter: [event: Extract<ServerEvent, { type: 'parameter' }>, receiver: string | undefined]
  /** An end made no progress for `deadlines.slow`. Emitted again each time that the wait has doubled. */
  slow: [event: Slowness, receiver: string | undefined]
}
