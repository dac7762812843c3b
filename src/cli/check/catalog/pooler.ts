import type pg from 'pg'
import type { ServerFacts } from './facts.js'

const BACKEND = 'SELECT pg_catalog.pg_backend_pid() AS pid'

/** A pooler in transaction mode may give the second connection another backend by chance: hence several attempts. */
const ATTEMPTS = 3

/** How long the second connection may wait for a backend, in milliseconds. */
const ATTEMPT_MS = 2000

/**
 * Recognises a pooler between copyman and the server, and whether it takes backends back after each transaction.
 *
 * A server sends its process id when a client connects, for cancel requests; a pooler sends a number of its own. If the
 * number is not that of the backend, a second connection shows the mode. The first connection is idle, so a pooler in
 * transaction mode gives its backend to the second connection, or gives the first connection another backend while the
 * second one holds the first's. A pooler in session mode can do neither. The queries set nothing in the session, since a
 * setting would stay in the pool.
 * @param connect opens a second connection to the same address
 */
export const recognisePooler = async (
  client: pg.Client,
  connect: () => Promise<pg.Client>,
): Promise<ServerFacts['pooler']> => {
  const own = await backendOf(client)
  if (own === (client as pg.Client & { readonly processID: number }).processID) return 'none'
  let second: pg.Client
  try {
    second = await connect()
  } catch {
    return 'unknown'
  }
  const timer = setTimeout(() => second.connection.stream.destroy(), ATTEMPT_MS)
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      await second.query('BEGIN READ ONLY')
      // before the first connection asks again: in a pool of one backend, it would wait for the second
      if ((await backendOf(second)) === own) return 'transaction'
      const now = await backendOf(client)
      await second.query('ROLLBACK')
      if (now !== own) return 'transaction'
    }
    return 'session'
  } catch {
    // no backend for the second connection: all backends of the pool are taken
    return 'unknown'
  } finally {
    clearTimeout(timer)
    second.end().catch(() => undefined)
  }
}

const backendOf = async (client: pg.Client): Promise<number> =>
  (await client.query<{ pid: number }>(BACKEND)).rows[0]?.pid ?? 0
