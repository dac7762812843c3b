import { setTimeout as sleep } from 'node:timers/promises'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import {
  SERVER_IDENTITY,
  type ServerIdentity,
  toServerIdentity,
} from '../../shared/session/server-identity.js'
import { Session } from '../../shared/session/session.js'
import type { ConnectionParameters } from '../../shared/wire/connection-parameters.js'

/** A transaction whose COMMIT was not answered, and whom to ask. */
export interface LostTransaction {
  readonly id: string
  /** Taken in the transaction. */
  readonly mark: ServerIdentity
  readonly server: ConnectionParameters
}

/** `unknown`: nobody can say; `why` tells people. */
export type TransactionStatus =
  | { readonly said: 'committed' | 'aborted' }
  | { readonly said: 'unknown'; readonly why: string }

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
/** Saying goodbye to a server that has answered. */
const END_MS = 500
/** Lost connections, too many of them, a server that shuts down or starts: the same question may be answered later. */
const PASSING = ['08', '53', '57']

/** The next transaction id of a checkpoint, which it tells as 'epoch:id'. */
const FREE =
  "pg_catalog.split_part(next_xid, ':', 1)::numeric * 4294967296 + pg_catalog.split_part(next_xid, ':', 2)::numeric"

/**
 * Whether a checkpoint was written while nobody else could write: at the end of a recovery, or at a shutdown. Where
 * wal_level is minimal, one of an idle server looks the same.
 */
const ALONE = "redo_lsn = checkpoint_lsn AND pg_catalog.current_setting('wal_level') <> 'minimal'"

const unknown = (why: string): TransactionStatus => ({ said: 'unknown', why })

/**
 * Asks a transaction's server what became of it, on a connection of its own, again and again while it is in progress or
 * the server cannot be reached.
 * @param signal gives up
 * @returns `unknown` when that is not known within `deadlineMs`, when another server answers, or one that says it does
 *   not know
 */
export const transactionStatus = async (
  lost: LostTransaction,
  deadlineMs: number,
  connectMs: number,
  signal: AbortSignal,
): Promise<TransactionStatus> => {
  const stop = new AbortController()
  const giveUp = (): void => stop.abort()
  const timer = setTimeout(giveUp, deadlineMs)
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  let last = 'it was not reached'
  try {
    for (const pause of pauses(stop.signal)) {
      try {
        return await ask(lost, connectMs, stop.signal)
      } catch (error) {
        if (!isPassing(error)) return unknown(messageOf(error))
        if (!stop.signal.aborted) last = messageOf(error)
      }
      await pause()
    }
    return unknown(
      `${signal.aborted ? 'the wait for it was given up' : `not within ${deadlineMs} ms`}: ${last}`,
    )
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}

type Ask = (sql: string) => Promise<(string | null)[]>

const ask = async (
  lost: LostTransaction,
  connectMs: number,
  signal: AbortSignal,
): Promise<TransactionStatus> => {
  const session = await Session.open(lost.server, { connectMs, signal })
  const giveUp = (): void => session.destroy()
  signal.addEventListener('abort', giveUp)
  try {
    const values: Ask = async (sql) => (await session.query(`SELECT ${sql}`, 'commit'))[0] ?? []
    const trusted = await trust(lost, values)
    if (trusted === 'nothing') return { said: 'aborted' }
    if (trusted === 'another') {
      return unknown(`${session.server} is another server now, or one that took over from it`)
    }
    if (trusted === 'older') {
      return unknown(`${session.server} has lost a part of its log, or is an older copy of that server`)
    }
    for (const pause of pauses(signal)) {
      const [status] = await values(`pg_catalog.pg_xact_status('${lost.id}')`)
      if (status === 'committed' && trusted === 'unsure') {
        return unknown(`${session.server} has crashed since, and that id may be another transaction's by now`)
      }
      if (status === 'committed' || status === 'aborted') return { said: status }
      if (status !== 'in progress') return unknown(`${session.server} does not know it any more`)
      await pause()
    }
    return unknown('it was still in progress')
  } finally {
    signal.removeEventListener('abort', giveUp)
    await session.end(END_MS)
  }
}

/**
 * What a server's word on a transaction id is worth. A crash takes what was not flushed yet with it, and the ids that
 * were given out there are given out again. So where the server did not run on, nor was shut down and started in order,
 * its last checkpoint is asked: if that is the one with which it began to run again, it tells the first id that was
 * free then.
 *
 * What even that cannot show: two crashes within `deadlines.resolve`, between which another transaction got the id and
 * was flushed.
 */
const trust = async (
  { id, mark }: LostTransaction,
  values: Ask,
): Promise<'all' | 'another' | 'older' | 'unsure' | 'nothing'> => {
  const here = toServerIdentity(await values(SERVER_IDENTITY))
  if (here?.cluster !== mark.cluster) return 'another'
  const isRestarted = here.serverStart !== mark.serverStart
  // a copy of its cluster, which ran when the transaction did
  if (isRestarted && here.serverStart <= mark.now) return 'another'
  if (here.countsSince === mark.countsSince) return 'all'
  const [isOlder, isAlone, isFree] = await values(
    `checkpoint_lsn < '${mark.flushed}', ${ALONE}, ${FREE} <= ${id}
       FROM pg_catalog.pg_control_checkpoint()`,
  )
  if (isOlder === 't') return 'older'
  // recovered before this start: the checkpoint is that of a shutdown since
  if (here.countsSince < here.serverStart) return 'unsure'
  if (isAlone !== 't') return 'unsure'
  return isFree === 't' ? 'nothing' : 'all'
}

/** A pause before each further try, each longer than the last, until the signal fires. */
function* pauses(signal: AbortSignal): Generator<() => Promise<unknown>> {
  for (let ms = FIRST_PAUSE_MS; !signal.aborted; ms = Math.min(2 * ms, LONGEST_PAUSE_MS))
    yield () => sleep(ms, undefined, { signal }).catch(() => undefined)
}

const isPassing = (error: unknown): boolean =>
  error instanceof CopyError && (error.sqlState === undefined || PASSING.includes(error.sqlState.slice(0, 2)))
