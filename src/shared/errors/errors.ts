import type { CopyErrorCode, CopyPhase } from './codes.js'
import { isRetryable } from './retryable.js'

/** Those fields of an ErrorResponse that help to find the cause, by pg's names. */
export const SERVER_FIELDS = [
  'severity',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'routine',
] as const
export type ServerFields = { readonly [F in (typeof SERVER_FIELDS)[number]]?: string }

/** What is known about an error besides its code and message. */
export interface CopyErrorFacts {
  readonly cause?: unknown
  readonly phase?: CopyPhase
  /** Name of the receiver that the error happened to. */
  readonly receiver?: string
  /** The server's five-character SQLSTATE. */
  readonly sqlState?: string
  /** Other fields of the server's ErrorResponse. */
  readonly server?: ServerFields
  /** Default: decided by the code and the other facts. */
  readonly retryable?: boolean
}

/** Base class of all errors of this package. `code` and the facts are stable; the message is human-readable. */
export class CopyError extends Error {
  override readonly name: string = 'CopyError'
  readonly code: CopyErrorCode
  /**
   * Whether the same work may succeed if it is simply tried again. True for a connection that was lost or cannot be made
   * now, a server that restarts or has no connection left (57P01, 57P02, 57P03, 53300), a deadlock or serialization
   * failure (40P01, 40001), and a lag fault. The option `retry` retries these errors only.
   */
  readonly retryable: boolean
  declare readonly phase?: CopyPhase
  declare readonly receiver?: string
  declare readonly sqlState?: string
  declare readonly server?: ServerFields

  constructor(code: CopyErrorCode, message: string, facts: CopyErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.retryable = facts.retryable ?? isRetryable({ ...facts, code })
    if (facts.phase !== undefined) this.phase = facts.phase
    if (facts.receiver !== undefined) this.receiver = facts.receiver
    if (facts.sqlState !== undefined) this.sqlState = facts.sqlState
    if (facts.server !== undefined) this.server = facts.server
  }

  /** The same error with additional facts. Facts that the error has already stay as they are. */
  with(facts: CopyErrorFacts): CopyError {
    const error = new CopyError(this.code, this.message, {
      ...facts,
      ...factsOf(this),
      cause: this.cause ?? facts.cause,
    })
    if (this.stack !== undefined) error.stack = this.stack
    return error
  }
}

/** The producer failed, so the copy cannot be completed. `cause` is the producer's error. */
export class ProducerFault extends CopyError {
  override readonly name = 'ProducerFault'

  constructor(cause: CopyError) {
    super('COPY_PRODUCER_FAULT', `the producer failed: ${cause.message}`, {
      ...factsOf(cause),
      cause,
    })
  }
}

/**
 * One or more receivers have failed. The copy is not over: reconcile these receivers, or continue the loop to go on
 * without them. `R` is the type of the receivers.
 */
export class ReceiverFault<R = unknown> extends CopyError {
  override readonly name = 'ReceiverFault'
  /** The error of each receiver that failed since the last cycle. */
  readonly faults: ReadonlyMap<R, CopyError>

  constructor(faults: ReadonlyMap<R, CopyError>) {
    const [first] = faults.values()
    const names = [...faults.values()].map((fault) => fault.receiver ?? '?').join(', ')
    super('COPY_RECEIVER_FAULT', `${names}: ${first?.message ?? 'no fault given'}`, {
      ...(faults.size === 1 && first !== undefined && factsOf(first)),
      retryable: [...faults.values()].every((fault) => fault.retryable),
      cause: first,
    })
    this.faults = faults
  }
}

/** What remains of a copy that was not completed. */
export interface CopyRemains {
  /** Names of the receivers that have committed. */
  readonly committed: readonly string[]
  /** Whether the COMMIT of a receiver is in doubt. */
  readonly isInDoubt?: boolean
  /** What failed during the shutdown. */
  readonly warnings: readonly CopyError[]
}

const NOTHING: CopyRemains = { committed: [], warnings: [] }

/** The copy was ended on purpose: the loop was left, `close()` was called, or the signal fired (`cause` is its reason). */
export class CopyAborted extends CopyError {
  override readonly name = 'CopyAborted'
  /**
   * Names of the receivers that have committed, so that their data is visible. Either the server answered COMMIT, or the
   * answer was lost and the server reported afterwards that the transaction was committed.
   */
  readonly committed: readonly string[]
  /**
   * What failed during the shutdown, e.g. the producer's own `close()`, and each COMMIT whose answer was lost but which
   * the server reported as committed.
   */
  readonly warnings: readonly CopyError[]

  constructor(message: string, facts: CopyErrorFacts = {}, left: CopyRemains = NOTHING) {
    super('COPY_ABORTED', `${message}${alreadyCommitted(left.committed)}`, facts)
    this.committed = left.committed
    this.warnings = left.warnings
  }
}

/** The copy could not be completed. `cause` is the ProducerFault or ReceiverFault that ended it. */
export class CopyFailed extends CopyError {
  override readonly name = 'CopyFailed'
  /**
   * Names of the receivers that have committed, so that their data is visible. Either the server answered COMMIT, or the
   * answer was lost and the server reported afterwards that the transaction was committed.
   */
  readonly committed: readonly string[]
  /**
   * What failed during the shutdown, e.g. the producer's own `close()`, and each COMMIT whose answer was lost but which
   * the server reported as committed.
   */
  readonly warnings: readonly CopyError[]

  constructor(cause: CopyError, left: CopyRemains = NOTHING) {
    super('COPY_FAILED', `the copy failed: ${cause.message}${alreadyCommitted(left.committed)}`, {
      ...factsOf(cause),
      // a second run would load the committed receivers twice, and might do so with one in doubt
      retryable: cause.retryable && left.committed.length === 0 && left.isInDoubt !== true,
      cause,
    })
    this.committed = left.committed
    this.warnings = left.warnings
  }
}

/** The facts of an error without its cause. Explicit, since spreading an Error copies whatever is enumerable. */
export const factsOf = (error: CopyError): Omit<CopyErrorFacts, 'cause'> => ({
  ...(error.phase !== undefined && { phase: error.phase }),
  ...(error.receiver !== undefined && { receiver: error.receiver }),
  ...(error.sqlState !== undefined && { sqlState: error.sqlState }),
  ...(error.server !== undefined && { server: error.server }),
  retryable: error.retryable,
})

const alreadyCommitted = (names: readonly string[]): string =>
  names.length === 0 ? '' : `; already committed: ${names.join(', ')}`

/** Wraps a value that a user's own code threw in a CopyError, with the value as its cause; a CopyError is returned as it is. */
export const asCopyError = (thrown: unknown, phase: CopyPhase): CopyError => {
  if (thrown instanceof CopyError) return thrown
  return new CopyError('COPY_CALLABLE', messageOf(thrown), { phase, cause: thrown })
}

/** The message of any thrown value: also of strings, and of objects that cannot be converted to a string. */
export const messageOf = (thrown: unknown): string => {
  if (thrown instanceof Error) return thrown.message
  try {
    return String(thrown)
  } catch {
    return `a value of type ${typeof thrown}`
  }
}
