import type { Server } from '../postgres/server.js'

/** What a server itself says of a table's rows, in an order-independent way. */
export interface Digest {
  readonly rows: string
  readonly hash: string
}

/** The session decides how values are written, and with it the hash: it must not depend on a server's configuration. */
const SAME_TEXT =
  '-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c extra_float_digits=3 -c bytea_output=hex -c lc_monetary=C'

/** Counts and hashes all rows of `table` on the server: the sum, over all rows, of PostgreSQL's 64-bit hash of the row's text. */
export const digestOf = async (server: Server, table: string): Promise<Digest> => {
  const client = await server.client({ options: SAME_TEXT })
  try {
    const { rows } = await client.query<Digest>(
      `SELECT count(*)::text AS rows, coalesce(sum(hashtextextended(t::text, 0)), 0)::text AS hash FROM ${table} AS t`,
    )
    return rows[0] as Digest
  } finally {
    await client.end()
  }
}
