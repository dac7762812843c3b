import { copySource, selectFrom } from '../../sql/copy-source.js'
import { quoteIdentifier, quoteTableName } from '../../sql/quote.js'
import type { SourceFacts } from './columns.js'
import type { Readable } from './facts.js'

/** Column names as COPY lists them, without the parentheses. */
export const columnList = (columns: readonly { readonly name: string }[]): string =>
  columns.map(({ name }) => quoteIdentifier(name)).join(', ')

/** The query that reads these columns of a source. */
export const sourceQuery = (source: SourceFacts, columns: Readable['columns']): string =>
  source.kind === 'query' ? source.text : selectFrom(quoteTableName(source.table), columnList(columns))

/** The text between COPY and TO STDOUT that reads these columns of a source. */
export const copySourceOf = (source: SourceFacts, columns: Readable['columns']): string => {
  if (source.kind === 'query') return copySource({ query: source.text })
  const { table } = source
  const generated = table.columns.filter(({ isGenerated }) => isGenerated).map(({ name }) => name)
  return copySource({
    table: quoteTableName(table),
    kind: table.kind,
    columns: columnList(columns),
    readsGenerated: columns.some(({ name }) => generated.includes(name)),
  })
}
