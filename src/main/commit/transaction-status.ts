import { setTimeout as sleep } from 'node:timers/promises'
import { cancelAfter } from '../../shared/async/deadline.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import {
  SERVER_IDENTITY,
  type ServerIdentity,
  toServerIdentity,
} from '../../shared/session/server-identity.js'
import type { ServerAccess } from '../access/server-access.js'

/** A transaction whose COMMIT was not answered, and how to reach its server. */
export interface LostTransaction {
  readonly id: string
  /** The server's identity, read in the transaction. */
  readonly identity: ServerIdentity
  readonly server: ServerAccess
}

/** `unknown`: the server cannot say; `why` is human-readable. */
export type TransactionStatus =
  | { readonly said: 'committed' | 'aborted' }
  | { readonly said: 'unknown'; readonly why: string }

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
/** How long closing the connection may take, after the server has answered. */
const CLOSE_MS = 500
/** Lost connections, too many connections, a server that shuts down or starts: a later attempt may get an answer. */
const TRANSIENT = ['08', '53', '57']

/** The next transaction id of a checkpoint, which PostgreSQL shows as 'epoch:id'. */
const NEXT_XID =
  "pg_catalog.split_part(next_xid, ':', 1)::numeric * 4294967296 + pg_catalog.split_part(next_xid, ':', 2)::numeric"

/**
 * Whether a checkpoint was written while no backend could write: at the end of a recovery, or at a shutdown. Where
 * wal_level is minimal, a checkpoint of an idle server looks the same.
 */
const IS_QUIET = "redo_lsn = checkpoint_lsn AND pg_catalog.current_setting('wal_level') <> 'minimal'"

const unknown = (why: string): TransactionStatus => ({ said: 'unknown', why })

/**
 * Asks a transaction's server for the result of the transaction, on another connection. Asks again while the transaction
 * is in progress or the server cannot be reached, each time after a longer pause.
 * @param deadlineMs for all of this, connecting included
 * @param connectMs for each attempt to connect; 0 for no limit
 * @param signal cancels it
 * @returns `unknown` when there is no answer within `deadlineMs`, when another server answers, or when the server does
 *   not know the transaction
 */
export const transactionStatus = async (
  lost: LostTransaction,
  deadlineMs: number,
  connectMs: number,
  signal: AbortSignal,
): Promise<TransactionStatus> => {
  const stop = new AbortController()
  const endWatch = cancelAfter(deadlineMs, signal, () => stop.abort())
  let last = lost.server.unreached
  try {
    for (let pauseMs = FIRST_PAUSE_MS; !stop.signal.aborted; pauseMs = longer(pauseMs)) {
      try {
        return await ask(lost, connectMs, stop.signal)
      } catch (error) {
        if (stop.signal.aborted) break
        if (!isTransient(error)) return unknown(messageOf(error))
        last = messageOf(error)
      }
      await pause(pauseMs, stop.signal)
    }
    return unknown(
      `${signal.aborted ? 'the wait for its answer was cancelled' : `not within ${deadlineMs} ms`}: ${last}`,
    )
  } finally {
    endWatch()
  }
}

type Query = (sql: string) => Promise<(string | null)[]>

const ask = async (
  lost: LostTransaction,
  connectMs: number,
  signal: AbortSignal,
): Promise<TransactionStatus> => {
  const session = await lost.server.connect(connectMs, signal)
  const { server } = session
  const endWatch = cancelAfter(0, signal, () => session.destroy())
  try {
    const values: Query = async (sql) => (await session.query(`SELECT ${sql}`, 'commit'))[0] ?? []
    const trust = await trustInStatus(lost, values)
    if (trust === 'never-existed') return { said: 'aborted' }
    if (trust === 'other-server') {
      return unknown(`${server} is another server now, or one that took over from it`)
    }
    if (trust === 'older') {
      return unknown(`${server} has lost a part of its log, or is an older copy of that server`)
    }
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = longer(pauseMs)) {
      const [status] = await values(`pg_catalog.pg_xact_status('${lost.id}')`)
      if (status === 'committed' && trust === 'only-aborted') {
        return unknown(`${server} has crashed since, and that id may be another transaction's by now`)
      }
      if (status === 'committed' || status === 'aborted') return { said: status }
      if (status !== 'in progress') return unknown(`${server} does not know it any more`)
      await pause(pauseMs, signal)
    }
    return unknown('it was still in progress')
  } finally {
    endWatch()
    await session.close(CLOSE_MS)
  }
}

/**
 * Decides whether pg_xact_status can be trusted. After a crash PostgreSQL reuses transaction ids that were not yet flushed,
 * so "committed" may be about another transaction. If the server has crashed since, we read its last checkpoint: when
 * that is the end-of-recovery checkpoint, its next-xid tells which ids existed before the crash. Otherwise the status
 * is not trusted.
 *
 * Not detected: two crashes within `deadlines.resolve`, between which another transaction got the id and was flushed.
 */
const trustInStatus = async (
  { id, identity }: LostTransaction,
  values: Query,
): Promise<'full' | 'only-aborted' | 'never-existed' | 'other-server' | 'older'> => {
  const here = toServerIdentity(await values(SERVER_IDENTITY))
  if (here?.cluster !== identity.cluster) return 'other-server'
  const isRestarted = here.serverStart !== identity.serverStart
  // this postmaster ran already at the time of the transaction, and did not run the transaction: a copy of the cluster
  if (isRestarted && here.serverStart <= identity.now) return 'other-server'
  if (here.countsSince === identity.countsSince) return 'full'
  const [isOlder, isQuiet, isUnused] = await values(
    `checkpoint_lsn < '${identity.flushed}', ${IS_QUIET}, ${NEXT_XID} <= ${id}
       FROM pg_catalog.pg_control_checkpoint()`,
  )
  if (isOlder === 't') return 'older'
  // the recovery was before this start: the checkpoint is that of a later shutdown
  if (here.countsSince < here.serverStart) return 'only-aborted'
  if (isQuiet !== 't') return 'only-aborted'
  return isUnused === 't' ? 'never-existed' : 'full'
}

const longer = (pauseMs: number): number => Math.min(2 * pauseMs, LONGEST_PAUSE_MS)

/** A pause that ends early when the signal fires. */
const pause = (ms: number, signal: AbortSignal): Promise<unknown> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)

const isTransient = (error: unknown): boolean =>
  error instanceof CopyError &&
  (error.sqlState === undefined || TRANSIENT.includes(error.sqlState.slice(0, 2)))
