import type { CopyPhase } from '../errors/codes.js'
import { CopyError } from '../errors/errors.js'
import type { CopyCommand } from './copy-command.js'
import { rowsOfTag } from './copy-statement.js'

/** What a receiver's COPY needs of the connection it runs on, ours or a user's. */
export interface CopyInSession {
  query(text: string, phase: CopyPhase): Promise<(string | null)[][]>
  fault(error: unknown, phase: CopyPhase): CopyError
}

/**
 * Runs statements one after the other, none once the receiver was given up: behind a ROLLBACK each would be a
 * transaction of its own.
 * @returns the rows of the last one
 */
export const runStatements = async (
  session: CopyInSession,
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
 * Resolves when the server takes data.
 * @throws CopyError COPY_OPTION for a COPY TO; COPY_SERVER, COPY_PROTOCOL or COPY_CONNECTION_LOST for what else it answered
 */
export const awaitCopyIn = async (session: CopyInSession, command: CopyCommand): Promise<void> => {
  const direction = await command.started.catch((error: unknown) => {
    throw session.fault(error, 'start')
  })
  if (direction === 'in') return
  throw new CopyError('COPY_OPTION', 'the statement is a COPY TO; a receiver needs COPY … FROM STDIN', {
    phase: 'start',
  })
}

/** Deferred constraints speak, while every receiver can still be rolled back: a COMMIT would not be refused behind it. */
export const CHECK_CONSTRAINTS = 'SET CONSTRAINTS ALL IMMEDIATE'

/** The result of a COPY IN: its command tag, and the rows that the tag counts. */
export interface CopiedRows {
  readonly rows: number
  readonly command: string
}

/** All data was handed to the socket: ends the COPY and runs `after`. */
export const completeCopyIn = async (
  session: CopyInSession,
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
