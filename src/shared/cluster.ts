/** SQL for how far a server's log has come. It never goes back, unless the server lost a part of it, or is an older copy. */
export const WAL_POSITION = 'pg_catalog.pg_current_wal_insert_lsn()'

/**
 * SQL for which server this is, as text: its cluster, and the timeline, which changes when a standby takes over. A
 * transaction id means nothing anywhere else: a standby that took over before it saw a transaction gives the same id to
 * another one. The server answers with an error on a standby, and where the user may not call these functions.
 */
export const CLUSTER =
  "(SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' || " +
  `pg_catalog.substr(pg_catalog.pg_walfile_name(${WAL_POSITION}), 1, 8)`
