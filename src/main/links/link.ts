import type { ReceiverCommand } from '../../shared/messages/messages.js'
import type { Report } from '../../shared/runner/receiver-runner.js'
import type { ServerAccess } from '../access/server-access.js'

/** How a runner ended: in order, or because main killed it or its thread died. */
export type RunnerEnd = 'ended' | 'killed'

/** Hears every report of a receiver's runner, on the main thread and in the order in which the runner sent them. */
export interface LinkListener {
  reported(report: Report): void
}

/** Main's connection to a receiver's runner, in whichever thread the runner is. */
export interface ReceiverLink {
  /** How to reach the server that the receiver commits on; undefined for receivers without one. */
  readonly server: ServerAccess | undefined
  send(command: ReceiverCommand): void
  /** Settles when the runner has ended and nothing of it can touch the ring any more. */
  readonly over: Promise<RunnerEnd>
  /** Ends the runner by force. `over` settles soon after. */
  kill(): void
}
