/** A format of COPY. */
export type Format = 'text' | 'csv' | 'binary'

/** The size of a source, as guessed by its planner or by its catalog; 0 for unknown. */
export interface Estimate {
  readonly rows: number
  readonly bytes: number
}

/** A relation to read. */
interface Relation {
  /** Name, quoted for SQL. */
  readonly table: string
  /** pg_class.relkind; undefined if it is unknown: COPY then reads the table by name. */
  readonly kind: string | undefined
  /** Column list, quoted for SQL; default: all columns. */
  readonly columns?: string
  /** Whether the list names generated columns: COPY refuses them, a query reads them. */
  readonly readsGenerated?: boolean
}

/**
 * Values of pg_class.relkind that COPY TO reads by name: tables (r) and TOAST tables (t). COPY refuses views, and all
 * relations that hold no rows of their own.
 */
const KINDS_BY_NAME = ['r', 't']

/** The text between COPY and TO STDOUT. */
export const copySource = (source: Relation | { readonly query: string }): string => {
  // the query may end in a comment
  if ('query' in source) return `(${source.query}\n)`
  const { table, kind = 'r', columns, readsGenerated = false } = source
  if (!KINDS_BY_NAME.includes(kind) || readsGenerated)
    return copySource({ query: selectFrom(table, columns) })
  // COPY does not take an empty list
  return columns ? `${table} (${columns})` : table
}

/** The query that reads a relation. */
export const selectFrom = (table: string, columns = '*'): string => `SELECT ${columns} FROM ${table}`
