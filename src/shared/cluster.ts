import { SERVER_START } from './backend.js'

/** Which server a transaction is in, and what would show that the server has lost a part of its log since. */
export interface ServerMark {
  /**
   * Its cluster, and the timeline, which changes when a standby takes over. A transaction id means nothing anywhere
   * else: a standby that took over before it saw a transaction gives the same id to another one.
   */
  readonly cluster: string
  /** How far its log is on its disk: that survives a crash. */
  readonly flushed: string
  /** When its postmaster was started. */
  readonly serverStart: string
  /**
   * The processes it has besides the sessions. When a backend crashes, the postmaster lives on, and recovers with new
   * ones.
   */
  readonly processes: readonly string[]
}

/**
 * What to select, as the last columns, to learn a server's mark. The server answers with an error on a standby, and
 * where the user may not call these functions. A function and not the view on it, which would wait where somebody has
 * locked the catalogs that it joins.
 */
export const SERVER_MARK =
  'system_identifier, pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), ' +
  `pg_catalog.pg_current_wal_flush_lsn(), ${SERVER_START}, ` +
  'ARRAY(SELECT pid FROM pg_catalog.pg_stat_get_activity(NULL) WHERE datid IS NULL AND usesysid IS NULL) ' +
  'FROM pg_catalog.pg_control_system()'

/** @param row what `SERVER_MARK` gave; undefined when the server gave nothing of the kind */
export const toServerMark = (row: readonly (string | null)[]): ServerMark | undefined => {
  const [system, file, flushed, serverStart, processes] = row
  if (!system || !file || !flushed || !serverStart || !processes) return undefined
  // the name of a file of the log begins with its timeline
  const cluster = `${system}/${file.slice(0, 8)}`
  return { cluster, flushed, serverStart, processes: processes.match(/\d+/g) ?? [] }
}

/** Whether a server cannot have crashed between these two marks of it. */
export const isSameRun = (one: ServerMark, other: ServerMark): boolean =>
  // single processes come and go, as settings are changed
  one.serverStart === other.serverStart && one.processes.some((pid) => other.processes.includes(pid))
