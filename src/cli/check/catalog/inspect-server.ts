import type pg from 'pg'
import type { ConnectionFacts, ServerFacts } from './facts.js'

const SERVER = `
SELECT current_setting('server_version_num')::int AS version,
  (regexp_match(current_setting('server_version'), '^[0-9A-Za-z.]+'))[1] AS "versionText",
  (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()) AS encoding,
  current_user::text AS role, current_database()::text AS database,
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS "isSuperuser",
  pg_is_in_recovery() AS "isInRecovery",
  current_setting('default_transaction_read_only')::bool AS "isReadOnly",
  extract(epoch FROM pg_postmaster_start_time())::text AS instance,
  (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS "databaseOid"`

/**
 * pg_stat_activity shows to every role the database and user of other backends, but not always their backend_type.
 * Parallel workers without it count as clients: `free` may be too low, never too high. `reserved_connections` exists from
 * PostgreSQL 16 on.
 */
const CONNECTIONS = `
WITH open AS (
  SELECT datname, usename FROM pg_stat_activity
  WHERE pid <> pg_backend_pid() AND datid IS NOT NULL AND usesysid IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend'
)
SELECT r.rolsuper AS "isSuperuser", d.datconnlimit AS "databaseLimit", r.rolconnlimit AS "roleLimit",
  current_setting('max_connections')::int AS "serverLimit",
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
  (SELECT count(*)::int FROM open) AS "onServer",
  (SELECT count(*)::int FROM open WHERE datname = d.datname) AS "inDatabase",
  (SELECT count(*)::int FROM open WHERE usename = r.rolname) AS "ofRole"
FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = session_user`

interface ConnectionRow {
  readonly isSuperuser: boolean
  readonly databaseLimit: number
  readonly roleLimit: number
  readonly serverLimit: number
  readonly reserved: number
  readonly onServer: number
  readonly inDatabase: number
  readonly ofRole: number
}

/** Reads the facts of a server and of the role that is connected. */
export const inspectServer = async (client: pg.Client): Promise<Omit<ServerFacts, 'pooler'>> => {
  const server = await one<Omit<ServerFacts, 'pooler' | 'connections' | 'system'>>(client, SERVER)
  const connections = freeConnections(await one<ConnectionRow>(client, CONNECTIONS))
  return { ...server, connections, system: await systemIdentifier(client) }
}

/**
 * The limit with the fewest free connections. Superusers have the server's limit only. The check's own connection counts
 * as free, since the copy takes its place.
 */
const freeConnections = (row: ConnectionRow): ConnectionFacts => {
  const limits: ConnectionFacts[] = [
    {
      free: row.serverLimit - (row.isSuperuser ? 0 : row.reserved) - row.onServer,
      limit: `max_connections ${row.serverLimit}`,
    },
  ]
  if (!row.isSuperuser && row.databaseLimit >= 0) {
    limits.push({
      free: row.databaseLimit - row.inDatabase,
      limit: `the database's limit of ${row.databaseLimit}`,
    })
  }
  if (!row.isSuperuser && row.roleLimit >= 0)
    limits.push({ free: row.roleLimit - row.ofRole, limit: `the role's limit of ${row.roleLimit}` })
  return limits.reduce((least, next) => (next.free < least.free ? next : least))
}

/** The system identifier; null where the role may not read it, as on some hosted servers. */
const systemIdentifier = async (client: pg.Client): Promise<string | null> => {
  const privilege = await one<{ may: boolean }>(
    client,
    `SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS may`,
  )
  if (!privilege.may) return null
  const found = await one<{ id: string }>(
    client,
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  )
  return found.id
}

const one = async <R extends object>(client: pg.Client, text: string): Promise<R> => {
  const row = (await client.query<R & pg.QueryResultRow>(text)).rows[0]
  if (row === undefined) throw new Error('the server returned no row about itself')
  return row
}
