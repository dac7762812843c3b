import { usageError } from '../shell/usage.js'

/** PostgreSQL cuts longer names with a NOTICE only, and then another table is loaded. */
const MAX_NAME_BYTES = 63

/** One part: quoted as in SQL, where "" is one quote, or as it stands up to the next dot. */
const PART = /(?:"((?:[^"]|"")*)"|([^".]*))(\.|$)/sy

/**
 * Quotes a table name such as `events`, `audit.events` or `"my.schema".events` for SQL. A part without quotes is taken
 * as it is written, capitals included.
 * @throws CopyError COPY_OPTION for more than two parts, empty or too long ones, NUL, or quotes that do not match
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
      `${option}: ${JSON.stringify(name)} has ${parts.length} parts; a table is NAME or SCHEMA.NAME, and a part that holds a dot is quoted`,
    )
  }
  return parts.map((part) => quotePart(part, option)).join('.')
}

const quotePart = (part: string, option: string): string => {
  const bytes = Buffer.byteLength(part)
  if (bytes === 0 || bytes > MAX_NAME_BYTES || part.includes('\0')) {
    throw usageError(
      `${option}: each part of a table name has 1 to ${MAX_NAME_BYTES} bytes, without NUL; ${JSON.stringify(part)} has ${bytes}`,
    )
  }
  return `"${part.replaceAll('"', '""')}"`
}

/** The parts of a quoted name such as `"audit"."events"`: table, or schema and table. */
export const tableParts = (quoted: string): readonly string[] =>
  [...quoted.matchAll(/"((?:[^"]|"")*)"/g)].map((match) => (match[1] as string).replaceAll('""', '"'))
