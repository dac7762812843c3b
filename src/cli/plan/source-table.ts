import type { ConnectionInput } from '../../index.js'
import { queryValue } from '../sql/query-value.js'
import { literal } from '../sql/quote.js'

/** Facts of the source table, by its catalog. */
export interface SourceTable {
  /** pg_class.relkind: r is a table, p a partitioned table, v a view. */
  readonly kind: string
  /** By the last ANALYZE; negative without one. */
  readonly rows: number
  /** Size on disk, without indexes. */
  readonly bytes: number
}

/** The partitions that hold the rows of a partitioned table. */
const LEAVES = `SELECT c.reltuples, pg_table_size(c.oid) AS bytes
  FROM pg_partition_tree(t.oid) AS leaf JOIN pg_class AS c ON c.oid = leaf.relid WHERE leaf.isleaf`

/**
 * Reads the kind and the size of a table.
 * @returns undefined when the table does not exist
 * @throws the errors of `queryValue`
 */
export const readSourceTable = async (
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
