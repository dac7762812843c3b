import type { Server } from '../postgres/server.js'

/** Count and hash of a table's rows, computed by the server; both do not depend on the order of rows. */
export interface Digest {
  readonly rows: string
  readonly hash: string
}

/** These settings decide the text of values, and so the hash: neither may depend on a server's configuration. */
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
