import { CopyError } from '../errors/errors.js'

/**
 * Checks that a COPY statement could be one.
 * @throws CopyError COPY_OPTION naming the option
 */
export const checkStatement = (statement: unknown, option: string): string => {
  if (typeof statement !== 'string' || statement.trim() === '') {
    throw new CopyError('COPY_OPTION', `${option} must be a COPY statement, such as "COPY events TO STDOUT"`)
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
