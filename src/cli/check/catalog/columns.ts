import type { ColumnFacts, Readable, TableFacts, TypeMap } from './facts.js'

/** The facts of a source: of a table, or of a query's result. */
export type SourceFacts =
  | { readonly kind: 'table'; readonly table: TableFacts }
  | ({ readonly kind: 'query'; readonly text: string } & Readable)

/** The types of a source's columns. */
export const typesOf = (source: SourceFacts): TypeMap =>
  source.kind === 'table' ? source.table.types : source.types

/** A column of the stream, and the column of a target that it is loaded into. */
export interface ColumnPair {
  readonly from: Readable['columns'][number]
  readonly to: ColumnFacts
}

/**
 * The columns of the source to copy, in the source's order. A column that every target generates is left out. A column
 * that the source generates is copied if targets have it and none generates it. If only some targets generate a column,
 * the column is copied if the source stores it; targets that differ from the source cannot be loaded.
 */
export const sourceColumns = (
  source: SourceFacts,
  targets: readonly TableFacts[],
): readonly Readable['columns'][number][] => {
  if (source.kind === 'query') return source.columns
  return source.table.columns.filter((column) => {
    const there = targets
      .map((target) => target.columns.find(({ name }) => name === column.name))
      .filter((found) => found !== undefined)
    const generated = there.filter(({ isGenerated }) => isGenerated).length
    if (generated === 0) return !column.isGenerated || there.length > 0
    return generated < there.length && !column.isGenerated
  })
}

/**
 * Pairs the columns of the stream with the columns of one target, by name. The columns of a query are paired by position,
 * as COPY does, if one of their names is unknown to the target or given twice; then the query must have as many columns as
 * the target stores.
 * @returns the pairs, in the order of the stream; a target with fewer pairs than `columns` cannot be loaded
 */
export const columnPairs = (
  source: SourceFacts,
  columns: readonly Readable['columns'][number][],
  target: TableFacts,
): { readonly pairs: readonly ColumnPair[]; readonly byName: boolean } => {
  const stored = target.columns.filter(({ isGenerated }) => !isGenerated)
  const pairs = columns.flatMap((from) => {
    const to = stored.find(({ name }) => name === from.name)
    return to === undefined ? [] : [{ from, to }]
  })
  const isEachNamed =
    pairs.length === columns.length && new Set(columns.map(({ name }) => name)).size === columns.length
  if (source.kind === 'table' || isEachNamed) return { pairs, byName: true }
  return {
    byName: false,
    pairs: columns.flatMap((from, i) => {
      const to = stored[i]
      return to === undefined ? [] : [{ from, to }]
    }),
  }
}
