import type pg from 'pg'
import { ClientSession } from '../clients/client-session.js'
import { PooledClient } from '../clients/pooled-client.js'
import type { ServerAccess } from './server-access.js'

/** Reaches the server of a user's pool by another client of the pool, and releases that client unchanged. */
export const poolAccess = (pool: pg.Pool): ServerAccess => ({
  unreached: 'the pg.Pool had no other client free',
  async connect(connectMs, signal) {
    const pooled = await PooledClient.borrow(pool, connectMs, signal)
    try {
      const session = new ClientSession(pooled.client, () => undefined)
      return {
        server: "the server of the pg.Pool's client",
        query: (text, phase) => session.query(text, phase),
        destroy: () => session.destroy(),
        async close(deadlineMs) {
          await session.close(deadlineMs)
          await pooled.release(deadlineMs)
        },
      }
    } catch (error) {
      await pooled.release(0)
      throw error
    }
  },
})
