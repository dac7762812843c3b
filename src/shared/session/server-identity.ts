import { SERVER_START } from './backend-id.js'

/** Which server a transaction runs on, and values that show later whether the server has lost a part of its log. */
export interface ServerIdentity {
  /**
   * The cluster and the timeline, which changes when a standby takes over. A transaction id is valid only there: a
   * standby that took over before it received a transaction gives the same id to another transaction.
   */
  readonly cluster: string
  /** Up to which position the log is flushed: that part survives a crash. */
  readonly flushed: string
  /** Start of the postmaster, and the server's clock when these values were read: seconds since 1970, as `countsSince`. */
  readonly serverStart: number
  readonly now: number
  /**
   * Since when the server keeps the statistics of its background writer. They survive a clean restart, and are reset by
   * each recovery from a crash, also when the postmaster went on running.
   */
  readonly countsSince: number
}

const epoch = (time: string): string => `extract(epoch from pg_catalog.${time}())`

/**
 * SQL for a server's identity: the last columns of a SELECT, and its FROM. A standby answers with an error, and so does a
 * server whose user may not call these functions.
 */
export const SERVER_IDENTITY =
  'system_identifier, pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), ' +
  `pg_catalog.pg_current_wal_flush_lsn(), ${SERVER_START}, ${epoch('clock_timestamp')}, ` +
  `${epoch('pg_stat_get_bgwriter_stat_reset_time')} FROM pg_catalog.pg_control_system()`

/** @param row the values of `SERVER_IDENTITY` @returns undefined when the server sent anything else */
export const toServerIdentity = (row: readonly (string | null)[]): ServerIdentity | undefined => {
  const [system, file, flushed, ...times] = row.map((value) => value ?? '')
  const [serverStart = Number.NaN, now = Number.NaN, countsSince = Number.NaN] = times.map(Number.parseFloat)
  if (!system || !file || ![serverStart, now, countsSince].every(Number.isFinite)) return undefined
  if (!/^[0-9A-F]+\/[0-9A-F]+$/i.test(flushed ?? '')) return undefined
  // the name of a log file begins with the timeline
  return {
    cluster: `${system}/${file.slice(0, 8)}`,
    flushed: flushed as string,
    serverStart,
    now,
    countsSince,
  }
}
