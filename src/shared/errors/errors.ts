import type { CopyErrorCode, CopyPhase } from './codes.js'
import { isRetryable } from './retryable.js'

/** The fields of an ErrorResponse that help its reader, by the names pg gives them. */
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

export interface CopyErrorFacts {
  readonly cause?: unknown
  readonly phase?: CopyPhase
  /** Name of the receiver it happened to. */
  readonly receiver?: string
  /** The server's five-character SQLSTATE. */
  readonly sqlState?: string
  /** What else the server said. */
  readonly server?: ServerFields
  /** Decided by the other facts unless given. */
  readonly retryable?: boolean
}

/** Every error of this package. `code` and the facts are stable; the message is for people. */
export class CopyError extends Error {
  override readonly name: string = 'CopyError'
  readonly code: CopyErrorCode
  /**
   * Whether the same might go well when it is tried again without anybody's help: a connection that was lost or cannot
   * be made now, a server that restarts or has no connection left (57P01, 57P02, 57P03, 53300), a deadlock or
   * serialization failure (40P01, 40001), a lag fault. It is what `retry` goes by.
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

  /** The same error, told with further facts; its own win. */
  with(facts: CopyErrorFacts): CopyError {
    const error = new CopyError(this.code, this.message, {
      ...facts,
      ...this,
      cause: this.cause ?? facts.cause,
    })
    if (this.stack !== undefined) error.stack = this.stack
    return error
  }
}

/** The producer could not go on: nothing is loaded anywhere. Its cause is what happened. */
export class ProducerFault extends CopyError {
  override readonly name = 'ProducerFault'

  constructor(cause: CopyError) {
    super('COPY_PRODUCER_FAULT', `the producer failed: ${cause.message}`, { ...cause, cause })
  }
}

/**
 * One or more receivers could not go on. The copy is not over: iterate on and they are dropped, or reconcile them
 * first. `R` is the caller's Receiver.
 */
export class ReceiverFault<R = unknown> extends CopyError {
  override readonly name = 'ReceiverFault'
  /** What happened to which receiver, since the last cycle. */
  readonly faults: ReadonlyMap<R, CopyError>

  constructor(faults: ReadonlyMap<R, CopyError>) {
    const [first] = faults.values()
    const names = [...faults.values()].map((fault) => fault.receiver ?? '?').join(', ')
    super('COPY_RECEIVER_FAULT', `${names}: ${first?.message ?? 'no fault given'}`, {
      ...(faults.size === 1 && first),
      retryable: [...faults.values()].every((fault) => fault.retryable),
      cause: first,
    })
    this.faults = faults
  }
}

/** What a copy that was not completed leaves behind. */
export interface CopyRemains {
  readonly committed: readonly string[]
  /** Whether somebody's COMMIT is in doubt. */
  readonly isInDoubt?: boolean
  readonly warnings: readonly CopyError[]
}

const NOTHING: CopyRemains = { committed: [], warnings: [] }

/** The copy was ended on purpose: the loop was left, `close()` was called, or the signal fired (its reason is the cause). */
export class CopyAborted extends CopyError {
  override readonly name = 'CopyAborted'
  /** Names of the receivers that are committed, by the answer or, where that was lost, by what the server says: their data is visible. */
  readonly committed: readonly string[]
  /** What failed while letting go, such as the producer's own `close()`; COMMITs whose answer was lost, which are done. */
  readonly warnings: readonly CopyError[]

  constructor(message: string, facts: CopyErrorFacts = {}, left: CopyRemains = NOTHING) {
    super('COPY_ABORTED', `${message}${alreadyCommitted(left.committed)}`, facts)
    this.committed = left.committed
    this.warnings = left.warnings
  }
}

/** The copy could not be completed. Its cause is the ProducerFault or the ReceiverFault that decided it. */
export class CopyFailed extends CopyError {
  override readonly name = 'CopyFailed'
  /** Names of the receivers that are committed, by the answer or, where that was lost, by what the server says: their data is visible. */
  readonly committed: readonly string[]
  /** What failed while letting go, such as the producer's own `close()`; COMMITs whose answer was lost, which are done. */
  readonly warnings: readonly CopyError[]

  constructor(cause: CopyError, left: CopyRemains = NOTHING) {
    super('COPY_FAILED', `the copy failed: ${cause.message}${alreadyCommitted(left.committed)}`, {
      ...cause,
      // once more would load those a second time, or might
      retryable: cause.retryable && left.committed.length === 0 && left.isInDoubt !== true,
      cause,
    })
    this.committed = left.committed
    this.warnings = left.warnings
  }
}

const alreadyCommitted = (names: readonly string[]): string =>
  names.length === 0 ? '' : `; already committed: ${names.join(', ')}`

/** What a user's own code threw, as a CopyError with that as its cause; a CopyError stays what it is. */
export const asCopyError = (thrown: unknown, phase: CopyPhase): CopyError => {
  if (thrown instanceof CopyError) return thrown
  return new CopyError('COPY_CALLABLE', messageOf(thrown), { phase, cause: thrown })
}

/** What anything thrown says: people throw strings, and objects that cannot even be made a string. */
export const messageOf = (thrown: unknown): string => {
  if (thrown instanceof Error) return thrown.message
  try {
    return String(thrown)
  } catch {
    return `a value of type ${typeof thrown}`
  }
}
