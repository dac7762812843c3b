/**
 * SQL for which server this is, as text: its cluster, and the timeline, which changes when a standby takes over. A
 * transaction id means nothing anywhere else: a standby that took over before it saw a transaction gives the same id to
 * another one. The server answers with an error on a standby, and where the user may not call these functions.
 */
export const CLUSTER =
  "(SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' || " +
  'pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)'

/** SQL for how far a server's log is on its disk: that survives a crash. */
export const FLUSHED = 'pg_catalog.pg_current_wal_flush_lsn()'

/**
 * SQL for which run of its server this is, as text: the postmaster's start, and the processes that it has besides the
 * sessions. When a backend crashes, the postmaster lives on and recovers with new ones.
 */
export const RUN =
  "(1000000 * pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()))::bigint || ' ' || " +
  'pg_catalog.array_to_string(ARRAY(SELECT pid FROM pg_catalog.pg_stat_get_activity(NULL) ' +
  "WHERE datid IS NULL AND usesysid IS NULL), ' ')"

/** Whether a server cannot have crashed between these two answers to RUN. */
export const isSameRun = (one: string, other: string): boolean => {
  const [start, ...processes] = one.split(' ')
  const [otherStart, ...others] = other.split(' ')
  // single ones of them come and go, as settings are changed
  return start === otherStart && processes.some((pid) => pid !== '' && others.includes(pid))
}

/**
 * Which server a transaction is in, and what of that server's would show that it has lost a part of its log since; by
 * the constants above.
 */
export interface ServerMark {
  readonly cluster: string
  readonly flushed: string
  readonly run: string
}
