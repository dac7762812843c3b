import type pg from 'pg'
import { tableParts } from '../../sql/table-name.js'
import type { ColumnFacts, TableFacts } from './facts.js'
import { inspectTypes } from './inspect-types.js'

/** Bits of pg_trigger.tgtype: ROW 1, BEFORE 2, INSERT 4, TRUNCATE 32, INSTEAD OF 64. */
const TABLE = `
WITH relation AS (
  SELECT CASE WHEN $2::text IS NULL THEN pg_catalog.to_regclass($1)::oid ELSE (
    SELECT k.oid FROM pg_catalog.pg_class k JOIN pg_catalog.pg_namespace s ON s.oid = k.relnamespace
    WHERE s.nspname = $2 AND k.relname = $3) END AS oid
),
member AS (
  SELECT oid FROM relation WHERE oid IS NOT NULL
  UNION SELECT t.relid FROM relation, pg_catalog.pg_partition_tree(relation.oid) t
),
fires AS (
  SELECT DISTINCT t.tgname, t.tgtype
  FROM pg_catalog.pg_trigger t JOIN member ON member.oid = t.tgrelid
  WHERE NOT t.tgisinternal AND t.tgenabled = ANY (CASE pg_catalog.current_setting('session_replication_role')
    WHEN 'replica' THEN ARRAY['A', 'R'] ELSE ARRAY['A', 'O'] END::"char"[])
),
held AS (
  SELECT l.pid, l.mode FROM pg_catalog.pg_locks l JOIN member ON member.oid = l.relation
  WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid()
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
)
SELECT c.oid::text, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
  c.relpersistence = 'u' AS "isUnlogged", c.relispopulated AS "isPopulated",
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS "hasSchemaUsage",
  pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') AS "canTruncate",
  pg_catalog.row_security_active(c.oid) AS "isRowSecured",
  (SELECT coalesce(json_agg(json_build_object('name', tgname, 'isBeforeRow', tgtype & 3 = 3, 'isInsteadOf', tgtype & 64 <> 0)
    ORDER BY tgname), '[]') FROM fires WHERE tgtype & 4 <> 0) AS "insertTriggers",
  (SELECT coalesce(json_agg(tgname ORDER BY tgname), '[]') FROM fires WHERE tgtype & 32 <> 0) AS "truncateTriggers",
  (SELECT coalesce(json_agg(r.rulename ORDER BY r.rulename), '[]') FROM pg_catalog.pg_rewrite r
    WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.ev_enabled <> 'D') AS "insertRules",
  (SELECT coalesce(json_agg(DISTINCT f.confrelid::regclass::text), '[]') FROM pg_catalog.pg_constraint f
    WHERE f.contype = 'f' AND f.conrelid IN (SELECT oid FROM member) AND f.confrelid <> c.oid) AS "refersTo",
  (SELECT coalesce(json_agg(DISTINCT f.conrelid::regclass::text), '[]') FROM pg_catalog.pg_constraint f
    WHERE f.contype = 'f' AND f.confrelid IN (SELECT oid FROM member)
      AND f.conrelid NOT IN (SELECT oid FROM member)) AS "referredBy",
  (SELECT count(*)::int FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid AND c.relkind = 'p') AS partitions,
  EXISTS (SELECT FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = c.oid AND p.partdefid <> 0) AS "hasDefaultPartition",
  (SELECT count(*)::int FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid AND c.relkind <> 'p') AS children,
  (SELECT coalesce(json_agg(a.relid::oid::text), '[]') FROM pg_catalog.pg_partition_ancestors(c.oid) a) AS ancestors,
  json_build_object(
    'load', (SELECT count(DISTINCT pid) FROM held
      WHERE mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')),
    'truncate', (SELECT count(DISTINCT pid) FROM held)) AS blockers
FROM relation JOIN pg_catalog.pg_class c USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace`

const COLUMNS = `
SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS "typeName", a.atttypid::text AS type,
  a.atttypmod AS typmod, a.attnotnull OR t.typnotnull AS "isNotNull",
  (a.atthasdef AND a.attgenerated = '') OR a.attidentity <> '' OR t.typdefault IS NOT NULL AS "hasDefault",
  a.attgenerated <> '' AS "isGenerated",
  EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')) AS "hasSequence",
  pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS "canSelect",
  pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'INSERT') AS "canInsert"
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`

type TableRow = Omit<TableFacts, 'columns' | 'types'>

/**
 * Reads the facts of one table, view or partitioned table; undefined when the table does not exist.
 * @param name quoted for SQL; a name without a schema is looked up in the search path
 */
export const inspectTable = async (client: pg.Client, name: string): Promise<TableFacts | undefined> => {
  const parts = tableParts(name)
  // not by to_regclass for a name with a schema: it fails without USAGE on the schema, which is a finding of its own
  const schema = parts.length > 1 ? parts[0] : null
  const table = (await client.query<TableRow>(TABLE, [name, schema, parts.at(-1)])).rows[0]
  if (table === undefined) return undefined
  const columns = (await client.query<ColumnFacts>(COLUMNS, [table.oid])).rows
  const types = await inspectTypes(
    client,
    columns.map(({ type }) => type),
  )
  return { ...table, columns, types }
}

const ALIKE = `
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE pg_catalog.lower(c.relname) = pg_catalog.lower($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(temp|toast)'
ORDER BY 1 LIMIT 3`

/** Tables whose names differ from this name in schema or case only; at most 3. */
export const tablesAlike = async (client: pg.Client, relation: string): Promise<readonly string[]> =>
  (await client.query<{ name: string }>(ALIKE, [relation])).rows.map(({ name }) => name)

/** Whether a schema exists. */
export const hasSchema = async (client: pg.Client, schema: string): Promise<boolean> =>
  ((await client.query('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema])).rowCount ?? 0) > 0
