import { usageError } from '../shell/usage.js'
import { quoteIdentifier } from './quote.js'

/** PostgreSQL truncates longer names with a NOTICE only: the copy would load another table. */
const MAX_NAME_BYTES = 63

/** One part of a name: quoted as in SQL, where "" stands for one quote, or plain up to the next dot. */
const PART = /(?:"((?:[^"]|"")*)"|([^".]*))(\.|$)/sy

/**
 * Quotes a table name for SQL, e.g. `events`, `audit.events` or `"my.schema".events`. A part without quotes keeps its
 * capitals.
 * @throws CopyError COPY_OPTION for more than two parts, an empty or too long part, NUL, or quotes that do not match
 */
export const quoteTable = (name: string, option: string): string => {
  const parts: string[] = []
  PART.lastIndex = 0
  for (;;) {
    const match = PART.exec(name)
    if (match === null) {
      throw usageError(
        `${option}: the quotes of ${JSON.stringify(name)} do not match; write "" for one quote`,
      )
    }
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === '') break
  }
  if (parts.length > 2) {
    throw usageError(
      `${option}: ${JSON.stringify(name)} has ${parts.length} parts; a table is NAME or SCHEMA.NAME, and a part with a dot in it needs quotes`,
    )
  }
  return parts.map((part) => quoteIdentifier(checkPart(part, option))).join('.')
}

const checkPart = (part: string, option: string): string => {
  const bytes = Buffer.byteLength(part)
  if (bytes === 0 || bytes > MAX_NAME_BYTES || part.includes('\0')) {
    throw usageError(
      `${option}: each part of a table name has 1 to ${MAX_NAME_BYTES} bytes, without NUL; ${JSON.stringify(part)} has ${bytes}`,
    )
  }
  return part
}

/** The parts of a quoted name, without their quotes: table, or schema and table. */
export const tableParts = (quoted: string): readonly string[] =>
  [...quoted.matchAll(/"((?:[^"]|"")*)"/g)].map((match) => (match[1] as string).replaceAll('""', '"'))
