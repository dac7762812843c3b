import type { ErrorRecord } from '../errors/error-record.js'
import type { Slowness, WaitDiagnosis } from '../liveness/slowness.js'
import type { ServerEvent } from '../session/server-events.js'
import type { ServerIdentity } from '../session/server-identity.js'
import type { StepDeadlines } from '../session/step-deadlines.js'
import type { ConnectionParameters } from '../wire/connection-parameters.js'

/**
 * Why a receiver is aborted. The text goes into the log of the receiver's server, so it is one of these fixed sentences.
 * An error text of another server or of the user's own code may contain data.
 */
export type AbortReason =
  | 'the copy was aborted'
  | 'the copy could not be opened'
  | 'the copy is over'
  | 'the producer failed'
  | 'another receiver failed'
  | 'no receiver is left'
  | 'dropped after a fault'
  | 'reconciled from the start'

/** Commands from the main thread to a receiver. Control travels in these messages, data never does. */
export type ReceiverCommand =
  /** Take part in a pass: open the target, then take slices from this sequence on. */
  | {
      readonly type: 'begin'
      readonly pass: number
      readonly sequence: number
      readonly stallMs: number
      readonly slowMs: number
    }
  /** The caller reconciled a fault that was reported as resumable: go on from the read cursor. */
  | { readonly type: 'reconcile' }
  | { readonly type: 'commit' }
  /** Ask the server what the receiver's backend waits for. */
  | { readonly type: 'diagnose' }
  /** Abort: let writes in flight finish, then realign the connection or close it, within the deadline. */
  | { readonly type: 'abort'; readonly reason: AbortReason; readonly deadlineMs: number }
  /** Close the connection and return: no further command comes. */
  | { readonly type: 'close'; readonly deadlineMs: number }

/** What a receiver reports when its data is complete, before it commits. */
export interface Completion {
  /** Rows by the server's command tag; undefined if the receiver has no count of its own. */
  readonly rows?: number
  /** The server's command tag. */
  readonly command?: string
  /** The transaction's id, by which the outcome of a lost COMMIT can be looked up. */
  readonly transactionId?: string
  /** The server that assigned the id; undefined if the role lacks the privilege to read its identity. */
  readonly server?: ServerIdentity
  /** Whether a COMMIT is still to come. Callables, null receivers and a user's own client have none. */
  readonly commits: boolean
}

/** An event of one end of a copy: an unsolicited message of its server, or missing progress. */
export type ReceiverEvent = ServerEvent | Slowness

/** Reports from a receiver to the main thread. */
export type ReceiverReport =
  /** The first report: which worker thread the receiver runs in. */
  | { readonly type: 'started'; readonly threadId: number }
  /** The target is open, and the receiver takes slices. */
  | { readonly type: 'receiving'; readonly pass: number }
  | { readonly type: 'completed'; readonly completion: Completion }
  | { readonly type: 'committed' }
  /** `resumable`: the receiver waits at its read cursor and can go on from there. */
  | { readonly type: 'fault'; readonly error: ErrorRecord; readonly resumable: boolean }
  /** The answer to abort: this receiver no longer reads from the ring. */
  | { readonly type: 'aborted'; readonly aligned: boolean }
  | { readonly type: 'event'; readonly event: ReceiverEvent }
  /** The answer to diagnose. No answer comes from a receiver without a backend of its own. */
  | { readonly type: 'diagnosis'; readonly diagnosis: WaitDiagnosis }

/** What a worker thread needs to run one receiver, besides its port and its ring ticket: plain data. */
export type ReceiverPlan =
  | (StepDeadlines & {
      readonly kind: 'statement'
      readonly connection: ConnectionParameters
      readonly statement: string
      readonly before: readonly string[]
      readonly after: readonly string[]
      readonly settings: Readonly<Record<string, string | number | boolean>>
    })
  | { readonly kind: 'module'; readonly url: string; readonly exportName: string; readonly zeroCopy: boolean }
  | { readonly kind: 'null' }
