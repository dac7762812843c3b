import type { ErrorRecord } from '../errors/error-record.js'
import type { Slowness } from '../liveness/slowness.js'
import type { ServerEvent } from '../session/server-events.js'
import type { ServerIdentity } from '../session/server-identity.js'
import type { StepDeadlines } from '../session/step-deadlines.js'
import type { ConnectionParameters } from '../wire/connection-parameters.js'

/**
 * Why a receiver gives up what it began. It ends in the log of the receiver's server, so it is one of these sentences
 * and never what another server or the user's own code said, which may hold data.
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

/** What main tells a receiver. Control travels by these; data never does. */
export type ReceiverCommand =
  /** Take part in a pass: begin, then take slices from this sequence on. */
  | {
      readonly type: 'begin'
      readonly pass: number
      readonly sequence: number
      readonly stallMs: number
      readonly slowMs: number
    }
  /** The fault that was reported as resumable is mended: go on from the read cursor. */
  | { readonly type: 'reconcile' }
  | { readonly type: 'commit' }
  /** Give up what was begun: let out what is in flight, realign or close within the deadline. */
  | { readonly type: 'abort'; readonly reason: AbortReason; readonly deadlineMs: number }
  /** The life is over: let go of the connection and return. */
  | { readonly type: 'end'; readonly deadlineMs: number }

/** What a receiver knows when its data is complete, before it commits. */
export interface Completion {
  /** Rows by the server's command tag; undefined where the receiver has no count of its own. */
  readonly rows?: number
  readonly command?: string
  /** Transaction id, by which the outcome of a lost COMMIT can be asked. */
  readonly transactionId?: string
  /** Which server that id is of; undefined where the user may not learn it. */
  readonly server?: ServerIdentity
  /** Whether a COMMIT is still to come. Callables, null receivers and users' clients have none. */
  readonly commits: boolean
}

/** An event of one end of a copy: a message that its server sent on its own account, or missing progress. */
export type ReceiverEvent = ServerEvent | Slowness

/** What a receiver tells main. */
export type ReceiverReport =
  /** First of all: which worker thread this is. */
  | { readonly type: 'started'; readonly threadId: number }
  /** Its end is open: it takes slices. */
  | { readonly type: 'receiving'; readonly pass: number }
  | { readonly type: 'completed'; readonly completion: Completion }
  | { readonly type: 'committed' }
  /** `resumable`: the receiver waits where it stands, and can go on from its read cursor. */
  | { readonly type: 'fault'; readonly error: ErrorRecord; readonly resumable: boolean }
  /** The answer to abort: nothing of this receiver's can still be read from the ring. */
  | { readonly type: 'aborted'; readonly aligned: boolean }
  | { readonly type: 'event'; readonly event: ReceiverEvent }

/** What a worker thread needs to become one receiver, besides its port and its ring ticket: plain data. */
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
