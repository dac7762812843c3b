import { quoteIdentifier, quoteTableName } from '../../sql/quote.js'
import type { SourceFacts } from './columns.js'
import type { Readable } from './facts.js'

export type Format = 'text' | 'csv' | 'binary'

/** Column names as COPY lists them, without the parentheses. */
export const columnList = (columns: readonly { readonly name: string }[]): string =>
  columns.map(({ name }) => quoteIdentifier(name)).join(', ')

/** The query that reads these columns of a source. */
export const sourceQuery = (source: SourceFacts, columns: Readable['columns']): string =>
  source.kind === 'query' ? source.text : `SELECT ${columnList(columns)} FROM ${quoteTableName(source.table)}`

/**
 * What stands between COPY and TO STDOUT. A plain table is read by name; a view, a partitioned table, generated columns,
 * and whatever else COPY refuses by name, by a query.
 */
export const copySource = (source: SourceFacts, columns: Readable['columns']): string => {
  // the query may end in a comment
  if (source.kind === 'query' || !isReadByName(source.table, columns))
    return `(${sourceQuery(source, columns)}\n)`
  // a list of none is not legal
  const list = columns.length === 0 ? '' : ` (${columnList(columns)})`
  return `${quoteTableName(source.table)}${list}`
}

const isReadByName = (
  table: Extract<SourceFacts, { kind: 'table' }>['table'],
  columns: Readable['columns'],
): boolean => {
  const generated = table.columns.filter(({ isGenerated }) => isGenerated)
  return table.kind === 'r' && !generated.some(({ name }) => columns.some((column) => column.name === name))
}
