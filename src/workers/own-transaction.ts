import { CLUSTER, FLUSHED, RUN } from '../shared/cluster.js'
import { type CopyInSession, runEach } from '../shared/copy-in.js'
import { CopyError } from '../shared/errors.js'
import type { Completion } from '../shared/messages.js'

const ID = 'pg_catalog.pg_current_xact_id()::text'

/**
 * Asks inside a transaction by what it can be asked for when its COMMIT is not answered. A user who may not learn which
 * server this is gets the id alone, and the transaction lives on: hence the savepoint.
 */
export const ownTransaction = async (
  session: CopyInSession,
  signal: AbortSignal,
): Promise<Pick<Completion, 'transactionId' | 'server'>> => {
  const ask = async (text: string): Promise<(string | null)[]> =>
    (await runEach(session, [text], 'complete', signal))[0] ?? []
  try {
    const [id, cluster, flushed, run] = await ask(
      `SAVEPOINT copyman; SELECT ${ID}, ${CLUSTER}, ${FLUSHED}, ${RUN}`,
    )
    return {
      ...(id && { transactionId: id }),
      ...(cluster && flushed && run && { server: { cluster, flushed, run } }),
    }
  } catch (error) {
    if (!(error instanceof CopyError && error.code === 'COPY_SERVER')) throw error
    const [id] = await ask(`ROLLBACK TO SAVEPOINT copyman; SELECT ${ID}`)
    return { ...(id && { transactionId: id }) }
  }
}
