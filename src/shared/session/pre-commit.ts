import { randomUUID } from 'node:crypto'
import { CopyError } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import { CHECK_CONSTRAINTS, type CopyInSession, runStatements } from '../../shared/session/copy-in.js'
import { SERVER_IDENTITY, toServerIdentity } from '../../shared/session/server-identity.js'

const ID = 'pg_catalog.pg_current_xact_id()'
/** Class of SQLSTATE of a constraint that is violated. */
const INTEGRITY = '23'

/**
 * The last before COMMIT, by one message: checks what constraints were deferred, and asks by what the transaction can
 * be asked for when its COMMIT is not answered. A user who may not learn which server this is gets the id alone, and
 * the transaction lives on: hence the savepoint.
 * @throws CopyError what a constraint said
 */
export const preCommit = async (
  session: CopyInSession,
  signal: AbortSignal,
): Promise<Pick<Completion, 'transactionId' | 'server'>> => {
  const ask = async (text: string): Promise<(string | null)[]> =>
    (await runStatements(session, [text], 'complete', signal))[0] ?? []
  // a name that nobody else has: to go back to a savepoint of the user's own would undo the COPY
  const savepoint = `copyman_${randomUUID().replaceAll('-', '')}`
  try {
    const [id, ...mark] = await ask(
      `${CHECK_CONSTRAINTS}; SAVEPOINT ${savepoint}; SELECT ${ID}, ${SERVER_IDENTITY}`,
    )
    const server = toServerIdentity(mark)
    return { ...transactionId(id), ...(server && { server }) }
  } catch (error) {
    const isServers = error instanceof CopyError && error.code === 'COPY_SERVER'
    if (!isServers || error.sqlState?.startsWith(INTEGRITY)) throw error
    const [id] = await ask(`ROLLBACK TO SAVEPOINT ${savepoint}; SELECT ${ID}`).catch(() => {
      // there is no savepoint: it was a constraint's own trigger
      throw error
    })
    return transactionId(id)
  }
}

/** It becomes a part of a question later. */
const transactionId = (id: string | null | undefined): Pick<Completion, 'transactionId'> =>
  /^\d{1,20}$/.test(id ?? '') ? { transactionId: id as string } : {}
