import type { ConnectionInput } from '../../index.js'
import { queryValue } from '../sql/query-value.js'
import { literal } from '../sql/quote.js'

/** What the source's catalog says about the table to read. */
export interface SourceTable {
  /** As pg_class.relkind has it: r is a table, p a partitioned one, v a view. */
  readonly kind: string
  /** By the last ANALYZE; negative when there was none. */
  readonly rows: number
  /** On disk, without indexes. */
  readonly bytes: number
}

/** pg_class.relkind of what COPY reads by its name; it refuses views and all that holds no rows of its own. */
const NAMED = ['r', 't']

/** Partitions hold the rows of a partitioned table. */
const LEAVES = `SELECT c.reltuples, pg_table_size(c.oid) AS bytes
  FROM pg_partition_tree(t.oid) AS leaf JOIN pg_class AS c ON c.oid = leaf.relid WHERE leaf.isleaf`

/**
 * Learns what kind of table it is, and how large.
 * @returns undefined when there is none of that name
 */
export const askSourceTable = async (
  connection: ConnectionInput,
  table: string,
  signal: AbortSignal,
): Promise<SourceTable | undefined> => {
  const query = `SELECT json_build_object('kind', t.relkind,
      'rows', CASE WHEN t.relkind = 'p' THEN (SELECT sum(reltuples) FROM (${LEAVES}) AS l) ELSE t.reltuples END,
      'bytes', CASE WHEN t.relkind = 'p' THEN (SELECT sum(bytes) FROM (${LEAVES}) AS l) ELSE pg_table_size(t.oid) END)
    FROM pg_class AS t WHERE t.oid = to_regclass(${literal(table)})`
  const found = (await queryValue(connection, query, signal)) as SourceTable | undefined
  if (found === undefined) return undefined
  return { kind: found.kind, rows: Number(found.rows ?? -1), bytes: Number(found.bytes ?? 0) }
}

/** What stands between COPY and TO. */
export const copySource = (table: string, found: SourceTable | undefined): string =>
  found === undefined || NAMED.includes(found.kind) ? table : `(SELECT * FROM ${table})`
