/** A name, quoted for SQL. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A table's name with its schema, so that the search path does not matter. */
export const quoteTableName = ({
  schema,
  name,
}: {
  readonly schema: string
  readonly name: string
}): string => `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`

/** One word, quoted for a POSIX shell where necessary. */
export const quoteShell = (word: string): string =>
  /^[A-Za-z0-9_./:@%=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** A text as an SQL literal, valid for both values of standard_conforming_strings. */
export const literal = (text: string): string =>
  `${text.includes('\\') ? ' E' : ''}'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
