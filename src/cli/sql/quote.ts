/** A name as SQL writes it. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A table's full name, so that no search path decides which one is meant. */
export const quoteTableName = ({
  schema,
  name,
}: {
  readonly schema: string
  readonly name: string
}): string => `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`

/** One word of a POSIX shell. */
export const quoteShell = (word: string): string =>
  /^[A-Za-z0-9_./:@%=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

/** A text as an SQL literal, whatever standard_conforming_strings says. */
export const literal = (text: string): string =>
  `${text.includes('\\') ? ' E' : ''}'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
