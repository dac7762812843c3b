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
 * Backends of others show who they are, not what they do; parallel workers count too, which errs on the safe side.
 * `reserved_connections` came with PostgreSQL 16.
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

/** What a server says about itself and the role that is connected. */
export const inspectServer = async (client: pg.Client): Promise<Omit<ServerFacts, 'pooler'>> => {
  const server = await one<Omit<ServerFacts, 'pooler' | 'connections' | 'system'>>(client, SERVER)
  const connections = freeConnections(await one<ConnectionRow>(client, CONNECTIONS))
  return { ...server, connections, system: await systemIdentifier(client) }
}

/** Which limit is the nearest; a superuser is held by the server's only. This connection is not counted: the copy has its place. */
const freeConnections = (row: ConnectionRow): ConnectionFacts => {
  const bounds: ConnectionFacts[] = [
    {
      free: row.serverLimit - (row.isSuperuser ? 0 : row.reserved) - row.onServer,
      bound: `max_connections ${row.serverLimit}`,
    },
  ]
  if (!row.isSuperuser && row.databaseLimit >= 0) {
    bounds.push({
      free: row.databaseLimit - row.inDatabase,
      bound: `the database's limit of ${row.databaseLimit}`,
    })
  }
  if (!row.isSuperuser && row.roleLimit >= 0)
    bounds.push({ free: row.roleLimit - row.ofRole, bound: `the role's limit of ${row.roleLimit}` })
  return bounds.reduce((least, next) => (next.free < least.free ? next : least))
}

/** Some hosts do not let everybody ask for it. */
const systemIdentifier = async (client: pg.Client): Promise<string | null> => {
  const may = await one<{ may: boolean }>(
    client,
    `SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS may`,
  )
  if (!may.may) return null
  const found = await one<{ id: string }>(
    client,
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  )
  return found.id
}

const one = async <R extends object>(client: pg.Client, text: string): Promise<R> => {
  const row = (await client.query<R & pg.QueryResultRow>(text)).rows[0]
  if (row === undefined) throw new Error('the server told nothing about itself')
  return row
}
