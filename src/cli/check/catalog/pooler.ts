import type pg from 'pg'
import type { ServerFacts } from './facts.js'

const BACKEND = 'SELECT pg_catalog.pg_backend_pid() AS pid'

/** A pooler may give the second connection another server by chance; a few looks tell. */
const LOOKS = 3

/** How long the second connection may wait for a server before it tells nothing. */
const LOOK_MS = 2000

/**
 * Tells whether something that lends connections stands between, and whether it takes them back after each transaction.
 *
 * A server names its process when a client connects, for cancelling; a pooler names something of its own there. Then: the
 * first connection is idle, so one that pools by transaction has its backend free and gives it to a second connection,
 * or gives the first one another while the second holds it. One that pools by session can do neither. Nothing that a
 * session keeps is set, since it would stay behind for others.
 * @param connect opens a second connection of the same kind
 */
export const recognisePooler = async (
  client: pg.Client,
  connect: () => Promise<pg.Client>,
): Promise<ServerFacts['pooler']> => {
  const mine = await backendOf(client)
  if (mine === (client as pg.Client & { readonly processID: number }).processID) return 'none'
  let second: pg.Client
  try {
    second = await connect()
  } catch {
    return 'unknown'
  }
  const timer = setTimeout(() => second.connection.stream.destroy(), LOOK_MS)
  try {
    for (let look = 0; look < LOOKS; look += 1) {
      await second.query('BEGIN READ ONLY')
      // before the first one is asked again: in a pool of one it would wait for the second
      if ((await backendOf(second)) === mine) return 'transaction'
      const now = await backendOf(client)
      await second.query('ROLLBACK')
      if (now !== mine) return 'transaction'
    }
    return 'session'
  } catch {
    // a pool with no second server: pooling by transaction would have lent ours
    return 'unknown'
  } finally {
    clearTimeout(timer)
    second.end().catch(() => undefined)
  }
}

const backendOf = async (client: pg.Client): Promise<number> =>
  (await client.query<{ pid: number }>(BACKEND)).rows[0]?.pid ?? 0
