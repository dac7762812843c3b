import { CopyError } from '../errors/errors.js'

/** PostgreSQL ends the session at a CopyFail reason of 10,000 bytes, and writes the reason into its log: one short line. */
const MAX_REASON_BYTES = 1000

/**
 * Checks a COPY statement as far as that is possible without a server.
 * @throws CopyError COPY_OPTION that names the option
 */
export const checkStatement = (statement: unknown, option: string): string => {
  if (typeof statement !== 'string' || statement.trim() === '') {
    throw new CopyError('COPY_OPTION', `${option} must be a COPY statement, e.g. "COPY events TO STDOUT"`)
  }
  if (statement.includes('\0')) throw new CopyError('COPY_OPTION', `${option} must not hold NUL`)
  return statement
}

/**
 * The count in a command tag of COPY.
 * @throws CopyError COPY_PROTOCOL for anything but `COPY` and a whole number that a double holds exactly
 */
export const rowsOfTag = (tag: string): number => {
  const rows = Number(/^COPY (\d{1,16})$/.exec(tag)?.[1] ?? Number.NaN)
  if (!Number.isSafeInteger(rows)) {
    throw new CopyError('COPY_PROTOCOL', `the server ended COPY with the tag ${JSON.stringify(tag)}`, {
      phase: 'complete',
    })
  }
  return rows
}

/** A reason for CopyFail: one line of at most 1,000 bytes. */
export const toCopyFailReason = (reason: string): string =>
  Buffer.from(reason.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' '))
    .subarray(0, MAX_REASON_BYTES)
    .toString()
    .replace(/\ufffd+$/, '')
