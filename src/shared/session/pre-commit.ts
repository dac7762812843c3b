import { randomUUID } from 'node:crypto'
import { CopyError } from '../errors/errors.js'
import { CHECK_CONSTRAINTS, runStatements, type StatementRunner } from './copy-in.js'
import { SERVER_IDENTITY, type ServerIdentity, toServerIdentity } from './server-identity.js'

const ID = 'pg_catalog.pg_current_xact_id()'
/** Class of the SQLSTATEs of a constraint that is violated. */
const INTEGRITY = '23'

/** Identifies a transaction, so that its server can be asked about it when the answer to COMMIT is lost. */
export interface TransactionIdentity {
  readonly transactionId?: string
  /** The server that assigned the id; undefined where the role may not read the server's identity. */
  readonly server?: ServerIdentity
}

/**
 * Runs just before COMMIT, as one message: checks deferred constraints and reads the transaction id, so that the server
 * can later be asked whether an unanswered COMMIT took effect. Reading the server's identity needs a privilege that the
 * role may lack. The savepoint keeps that error from aborting the transaction; then only the id is returned.
 * @throws CopyError COPY_SERVER when a constraint is violated
 */
export const preCommit = async (
  session: StatementRunner,
  signal: AbortSignal,
): Promise<TransactionIdentity> => {
  const ask = async (text: string): Promise<(string | null)[]> =>
    (await runStatements(session, [text], 'complete', signal))[0] ?? []
  // a unique name: a rollback to a savepoint of the user's own would undo the COPY
  const savepoint = `copyman_${randomUUID().replaceAll('-', '')}`
  try {
    const [id, ...identity] = await ask(
      `${CHECK_CONSTRAINTS}; SAVEPOINT ${savepoint}; SELECT ${ID}, ${SERVER_IDENTITY}`,
    )
    const server = toServerIdentity(identity)
    return { ...transactionId(id), ...(server && { server }) }
  } catch (error) {
    const isOfServer = error instanceof CopyError && error.code === 'COPY_SERVER'
    if (!isOfServer || error.sqlState?.startsWith(INTEGRITY)) throw error
    const [id] = await ask(`ROLLBACK TO SAVEPOINT ${savepoint}; SELECT ${ID}`).catch(() => {
      // there is no savepoint: the error came from a constraint trigger of the user's
      throw error
    })
    return transactionId(id)
  }
}

/** Digits only: the id becomes a part of a query later. */
const transactionId = (id: string | null | undefined): Pick<TransactionIdentity, 'transactionId'> =>
  /^\d{1,20}$/.test(id ?? '') ? { transactionId: id as string } : {}
