import type { Duplex } from 'node:stream'
import type pg from 'pg'
import type { CopyPhase } from '../errors/codes.js'
import { CopyError } from '../errors/errors.js'
import type { CopyCommand } from './copy-command.js'
import { rowsOfTag } from './copy-statement.js'
import type { StepDeadlines } from './step-deadlines.js'

/** A connection that runs SQL, ours or a user's. */
export interface StatementRunner {
  query(text: string, phase: CopyPhase): Promise<(string | null)[][]>
  fault(error: unknown, phase: CopyPhase): CopyError
}

/** The connection of a COPY IN, ours or a user's. */
export interface CopyInSession extends StatementRunner {
  readonly client: pg.Client
  readonly socket: Duplex
  /** Names the server, for error texts. */
  readonly server: string
  /** Settles when the connection is closed. */
  readonly closed: Promise<void>
  command(text: string, phase: CopyPhase): Promise<string>
  destroy(): void
  /** Closes the socket at once; `why` is the reason in the error of what is under way. */
  lose(why: string): void
  close(deadlineMs: number): Promise<void>
}

/** The SQL of a COPY IN, and the time that its steps may take. */
export interface CopyInPlan extends StepDeadlines {
  readonly statement: string
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** What differs between the COPY INs of servers, clients and pools. */
export interface CopyInOptions {
  readonly session: CopyInSession
  readonly plan: CopyInPlan
  /** Whether the transaction is ours, to commit and to roll back. Otherwise it is the user's. */
  readonly owned: boolean
  /** Begins the transaction, or checks the user's. */
  readonly prepare: () => Promise<void>
  /** Submits the COPY. */
  readonly submit: (statement: string) => CopyCommand
  /** Writes a frame: CopyData header and payload. `written` says that the memory of the frame is free. */
  readonly write: (frame: Uint8Array, written: (error?: Error | null) => void) => void
  /** Aborted by `abort` and `close`, and when a deadline has passed: whatever is under way then sends nothing more. */
  readonly stop: AbortController
}

/**
 * Runs statements one after the other, and none after the signal has fired: after a ROLLBACK each statement would be a
 * transaction of its own.
 * @returns the rows of the last statement
 */
export const runStatements = async (
  session: StatementRunner,
  statements: readonly string[],
  phase: CopyPhase,
  signal: AbortSignal,
): Promise<(string | null)[][]> => {
  let rows: (string | null)[][] = []
  for (const sql of statements) {
    signal.throwIfAborted()
    rows = await session.query(sql, phase)
  }
  return rows
}

/**
 * Resolves when the server waits for data.
 * @throws CopyError COPY_OPTION for a COPY TO; COPY_SERVER, COPY_PROTOCOL or COPY_CONNECTION_LOST when the COPY fails
 */
export const awaitCopyIn = async (session: StatementRunner, command: CopyCommand): Promise<void> => {
  const direction = await command.started.catch((error: unknown) => {
    throw session.fault(error, 'start')
  })
  if (direction === 'in') return
  throw new CopyError('COPY_OPTION', 'the statement is a COPY TO; a receiver needs COPY … FROM STDIN', {
    phase: 'start',
  })
}

/**
 * Checks deferred constraints while every receiver can still be rolled back. Otherwise a constraint could fail a COMMIT
 * after other receivers have committed.
 */
export const CHECK_CONSTRAINTS = 'SET CONSTRAINTS ALL IMMEDIATE'

/** The result of a COPY IN: its command tag, and the rows that the tag counts. */
export interface CopiedRows {
  readonly rows: number
  readonly command: string
}

/** Completes the COPY, whose data was all handed to the socket, and runs `after`. */
export const completeCopyIn = async (
  session: StatementRunner,
  command: CopyCommand,
  after: readonly string[],
  signal: AbortSignal,
): Promise<CopiedRows> => {
  command.done()
  const tag = await command.finished.catch((error: unknown) => {
    throw session.fault(error, 'complete')
  })
  const rows = rowsOfTag(tag)
  await runStatements(session, after, 'complete', signal)
  return { rows, command: tag }
}
