import type { TableFacts } from '../check/catalog/facts.js'

/** A name as SQL writes it. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A table's full name, so that no search path decides which one is meant. */
export const quoteTableName = ({ schema, name }: Pick<TableFacts, 'schema' | 'name'>): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`

/** One word of a POSIX shell. */
export const quoteShell = (word: string): string =>
  /^[A-Za-z0-9_./:@%=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
