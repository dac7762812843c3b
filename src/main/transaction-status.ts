import { setTimeout as sleep } from 'node:timers/promises'
import { CLUSTER, WAL_POSITION } from '../shared/cluster.js'
import type { ConnectionData } from '../shared/connection-data.js'
import { CopyError, messageOf } from '../shared/errors.js'
import { Session } from '../shared/session.js'

/** A transaction whose COMMIT was not answered, and whom to ask. */
export interface LostTransaction {
  readonly id: string
  /** By CLUSTER and WAL_POSITION, taken in the transaction. */
  readonly cluster: string
  readonly walPosition: string
  readonly server: ConnectionData
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

const ask = async (
  { id, cluster, walPosition, server }: LostTransaction,
  connectMs: number,
  signal: AbortSignal,
): Promise<TransactionStatus> => {
  const session = await Session.open(server, { connectMs, signal })
  const giveUp = (): void => session.destroy()
  signal.addEventListener('abort', giveUp)
  try {
    const values = async (sql: string): Promise<(string | null)[]> =>
      (await session.query(`SELECT ${sql}`, 'commit'))[0] ?? []
    const [here] = await values(CLUSTER)
    if (here !== cluster) {
      return unknown(`${session.server} is another server now, or one that took over from it`)
    }
    for (const pause of pauses(signal)) {
      const [status, isPast] = await values(
        `pg_catalog.pg_xact_status('${id}'), ${WAL_POSITION} >= '${walPosition}'`,
      )
      // ids of which nothing had reached the disk are given to others after a crash
      if (status === 'committed' && isPast !== 't') {
        return unknown(
          `${session.server} has lost a part of its log, and that id is another transaction's now`,
        )
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

/** A pause before each further try, each longer than the last, until the signal fires. */
function* pauses(signal: AbortSignal): Generator<() => Promise<unknown>> {
  for (let ms = FIRST_PAUSE_MS; !signal.aborted; ms = Math.min(2 * ms, LONGEST_PAUSE_MS))
    yield () => sleep(ms, undefined, { signal }).catch(() => undefined)
}

const isPassing = (error: unknown): boolean =>
  error instanceof CopyError && (error.sqlState === undefined || PASSING.includes(error.sqlState.slice(0, 2)))
