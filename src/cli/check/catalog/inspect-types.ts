import type pg from 'pg'
import type { TypeFacts, TypeMap } from './facts.js'

const TYPES = `
WITH RECURSIVE part AS (
  SELECT oid FROM unnest($1::oid[]) AS given(oid)
  UNION
  SELECT next.oid
  FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid
  CROSS JOIN LATERAL (
    SELECT t.typelem AS oid WHERE t.typelem <> 0 AND t.typlen = -1
    UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0
    UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
  ) next
)
SELECT t.oid::text, t.typname AS name, n.nspname AS schema, t.typtype AS kind, t.oid < 16384 AS "isBuiltIn",
  t.typsend <> 0 AND t.typreceive <> 0 AS "hasBinary",
  EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid) AS "isArray",
  coalesce(nullif(t.typbasetype, 0), CASE WHEN t.typlen = -1 THEN nullif(t.typelem, 0) END,
    (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)), 0)::text AS part,
  (SELECT x.extname || ' ' || x.extversion FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') AS extension,
  CASE WHEN t.typtype = 'e' THEN (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder)
    FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid) END AS labels
FROM part JOIN pg_catalog.pg_type t USING (oid) JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace`

/** Reads the facts of these types, and of the types that they consist of. */
export const inspectTypes = async (client: pg.Client, oids: readonly string[]): Promise<TypeMap> => {
  const { rows } = await client.query<TypeFacts>(TYPES, [[...new Set(oids)]])
  return new Map(rows.map((type) => [type.oid, type]))
}
