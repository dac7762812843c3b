import { CopyError } from '../index.js'

/** PostgreSQL cuts longer names with a NOTICE only, and then another table is loaded. */
const MAX_NAME_BYTES = 63

/**
 * Quotes a table name such as `events` or `audit.events` for SQL, each part as it is written.
 * @throws CopyError COPY_OPTION for empty or too long parts, or NUL
 */
export const quoteTable = (name: string, option: string): string =>
  name
    .split('.')
    .map((part) => {
      const bytes = Buffer.byteLength(part)
      if (bytes === 0 || bytes > MAX_NAME_BYTES || part.includes('\0')) {
        throw new CopyError(
          'COPY_OPTION',
          `${option}: each part of a table name has 1 to ${MAX_NAME_BYTES} bytes, without NUL; ${JSON.stringify(part)} has ${bytes}`,
        )
      }
      return `"${part.replaceAll('"', '""')}"`
    })
    .join('.')
