import type { CopyErrorCode } from './codes.js'
import { CopyError, type CopyErrorFacts, factsOf, messageOf } from './errors.js'

/**
 * An error as plain data. Structured clone drops an error's class, code, own fields and cause, so errors cross
 * between threads as records and are rebuilt on the other side.
 */
export interface ErrorRecord {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
  /** Present if the error was a CopyError: then it is rebuilt as a CopyError. */
  readonly facts?: Omit<CopyErrorFacts, 'cause'>
  readonly cause?: ErrorRecord
}

const MAX_CAUSES = 8

export const toErrorRecord = (error: unknown, depth = 0): ErrorRecord => {
  if (!(error instanceof Error))
    return { name: 'Error', message: `something was thrown that is no Error: ${messageOf(error)}` }
  const code = (error as { code?: unknown }).code
  return {
    name: error.name,
    message: error.message,
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(typeof code === 'string' && { code }),
    ...(isCopyError(error) && { facts: factsOf(error) }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: toErrorRecord(error.cause, depth + 1) }),
  }
}

/**
 * True also for another copy of the class: a user's module in a worker thread may import its own copyman and throw an
 * error of it.
 */
const isCopyError = (error: Error): error is CopyError => {
  const { code, retryable } = error as Partial<CopyError>
  return typeof code === 'string' && code.startsWith('COPY_') && typeof retryable === 'boolean'
}

export const fromErrorRecord = (record: ErrorRecord): Error => {
  const cause = record.cause && fromErrorRecord(record.cause)
  const error =
    record.facts === undefined
      ? Object.assign(
          new Error(record.message, cause && { cause }),
          record.code !== undefined && { code: record.code },
        )
      : new CopyError(record.code as CopyErrorCode, record.message, { ...record.facts, cause })
  if (record.facts === undefined && record.name !== 'Error') {
    Object.defineProperty(error, 'name', { value: record.name, configurable: true, writable: true })
  }
  if (record.stack !== undefined) error.stack = record.stack
  return error
}
