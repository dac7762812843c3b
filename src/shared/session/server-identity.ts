import { SERVER_START } from './backend-id.js'

/** Which server a transaction is in, and what would show that the server has lost a part of its log since. */
export interface ServerIdentity {
  /**
   * Its cluster, and the timeline, which changes when a standby takes over. A transaction id means nothing anywhere
   * else: a standby that took over before it saw a transaction gives the same id to another one.
   */
  readonly cluster: string
  /** How far its log is on its disk: that survives a crash. */
  readonly flushed: string
  /** When its postmaster was started; its clock when it told all this; seconds since 1970, as the two below. */
  readonly serverStart: number
  readonly now: number
  /**
   * Since when it counts what its background writer does: it goes on with that over a clean restart, and begins anew
   * with every recovery from a crash, also where the postmaster has lived on.
   */
  readonly countsSince: number
}

const epoch = (time: string): string => `extract(epoch from pg_catalog.${time}())`

/**
 * What to select, as the last columns, to learn a server's mark. The server answers with an error on a standby, and
 * where the user may not call these functions.
 */
export const SERVER_IDENTITY =
  'system_identifier, pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), ' +
  `pg_catalog.pg_current_wal_flush_lsn(), ${SERVER_START}, ${epoch('clock_timestamp')}, ` +
  `${epoch('pg_stat_get_bgwriter_stat_reset_time')} FROM pg_catalog.pg_control_system()`

/** @param row what `SERVER_MARK` gave; undefined when the server gave nothing of the kind */
export const toServerIdentity = (row: readonly (string | null)[]): ServerIdentity | undefined => {
  const [system, file, flushed, ...times] = row.map((value) => value ?? '')
  const [serverStart = Number.NaN, now = Number.NaN, countsSince = Number.NaN] = times.map(Number.parseFloat)
  if (!system || !file || ![serverStart, now, countsSince].every(Number.isFinite)) return undefined
  if (!/^[0-9A-F]+\/[0-9A-F]+$/i.test(flushed ?? '')) return undefined
  // the name of a file of the log begins with its timeline
  return {
    cluster: `${system}/${file.slice(0, 8)}`,
    flushed: flushed as string,
    serverStart,
    now,
    countsSince,
  }
}
