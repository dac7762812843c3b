import type { ColumnFacts, Readable, TableFacts, TypeMap } from './facts.js'

/** A source as it is to be read: a table's catalog facts, or what a query gives. */
export type SourceFacts =
  | { readonly kind: 'table'; readonly table: TableFacts }
  | ({ readonly kind: 'query'; readonly text: string } & Readable)

/** The types of a source's columns. */
export const typesOf = (source: SourceFacts): TypeMap =>
  source.kind === 'table' ? source.table.types : source.types

/** A column of the stream, and where it goes in one target. */
export interface ColumnPair {
  readonly from: Readable['columns'][number]
  readonly to: ColumnFacts
}

/**
 * The source's columns that are copied, in their order: all that are stored at both ends. What every target computes by
 * itself is left out; where targets differ it is as at the source, and those that differ from it cannot be loaded.
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
    const computed = there.filter(({ isGenerated }) => isGenerated).length
    if (computed === 0) return !column.isGenerated || there.length > 0
    return computed < there.length && !column.isGenerated
  })
}

/**
 * Where the copied columns go in one target: each to the one of its name. A query whose columns are not all named as the
 * target's goes by position, as COPY does; then it must give as many as the target stores.
 * @returns the columns of the stream that found their place, in its order; fewer than `columns` means that it cannot be loaded
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
