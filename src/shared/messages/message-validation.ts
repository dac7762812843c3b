import type { ErrorRecord } from '../errors/error-record.js'
import { CopyError } from '../errors/errors.js'
import { MAX_MS } from '../session/step-deadlines.js'
import type { Completion, ReceiverCommand, ReceiverEvent, ReceiverReport } from './messages.js'

type Test = (value: unknown) => boolean
/** A test for each field of each type of message. */
type Shapes<M extends { readonly type: string }> = {
  readonly [T in M['type']]: { readonly [F in Exclude<keyof Extract<M, { type: T }>, 'type'>]?: Test }
}

const MAX_CAUSES = 16
/** A record and not a list: a new type of event that is missing here does not compile. */
const EVENTS: Readonly<Record<ReceiverEvent['type'], true>> = {
  notice: true,
  notification: true,
  parameter: true,
  slow: true,
}

const isText: Test = (value) => typeof value === 'string'
const isFlag: Test = (value) => typeof value === 'boolean'
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isMs: Test = (value) => typeof value === 'number' && value >= 0 && value <= MAX_MS
const isMissing: Test = (value) => value === undefined
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const isCompletion: Test = (value) => {
  if (!isObject(value)) return false
  const { commits, rows } = value as Partial<Completion>
  return isFlag(commits) && (isMissing(rows) || isCount(rows))
}

const isErrorRecord = (value: unknown, depth = 0): boolean => {
  if (!isObject(value) || depth > MAX_CAUSES) return false
  const { name, message, stack, code, facts, cause } = value as Partial<ErrorRecord>
  return (
    isText(name) &&
    isText(message) &&
    [stack, code].every((field) => isMissing(field) || isText(field)) &&
    (isMissing(facts) || isObject(facts)) &&
    (isMissing(cause) || isErrorRecord(cause, depth + 1))
  )
}

const isEvent: Test = (value) => isObject(value) && Object.hasOwn(EVENTS, (value as ReceiverEvent).type)

const COMMANDS: Shapes<ReceiverCommand> = {
  begin: { pass: isCount, sequence: isCount, stallMs: isMs, slowMs: isMs },
  reconcile: {},
  commit: {},
  diagnose: {},
  abort: { reason: isText, deadlineMs: isMs },
  close: { deadlineMs: isMs },
}

const REPORTS: Shapes<ReceiverReport> = {
  started: { threadId: isCount },
  receiving: { pass: isCount },
  completed: { completion: isCompletion },
  committed: {},
  fault: { error: isErrorRecord, resumable: isFlag },
  aborted: { aligned: isFlag },
  event: { event: isEvent },
  diagnosis: { diagnosis: isObject },
}

const check = <M extends { readonly type: string }>(message: unknown, shapes: Shapes<M>, from: string): M => {
  const type = isObject(message) ? (message as M).type : undefined
  const shape = isText(type) && Object.hasOwn(shapes, type as string) ? shapes[type as M['type']] : undefined
  if (shape === undefined) throw new CopyError('COPY_WORKER', `${from} sent something that is no message`)
  for (const [field, test] of Object.entries(shape as Record<string, Test>)) {
    if (!test((message as Record<string, unknown>)[field])) {
      throw new CopyError('COPY_WORKER', `${from} sent ${JSON.stringify(type)} with an illegal ${field}`)
    }
  }
  return message as M
}

/** Checks a message from the main thread. @throws CopyError COPY_WORKER when it is no command */
export const checkCommand = (message: unknown): ReceiverCommand => check(message, COMMANDS, 'the main thread')

/** Checks a message from a worker thread. @throws CopyError COPY_WORKER when it is no report */
export const checkReport = (message: unknown): ReceiverReport => check(message, REPORTS, 'the worker thread')
