import pg from 'pg'

/** Options of `pg.Client`. `host` is an address, or the folder of the Unix socket. */
export interface Connection {
  host: string
  port: number
  user: string
  database: string
  password?: string
}

/** The connection as a URL. The folder of a Unix socket stands percent-encoded in place of the host, as libpq and pg accept it. */
export function asUrl({ host, port, user, database, password }: Connection): string {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`
  return `postgres://${user}${secret}@${encodeURIComponent(host)}:${port}/${database}`
}

/** Whether a server accepts connections there. */
export async function answers(connection: Connection): Promise<boolean> {
  const client = new pg.Client({ ...connection, ssl: false, connectionTimeoutMillis: 1000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return true
  } catch (error) {
    // 57P03 is 'starting up'. Any other refusal, e.g. too many connections, comes from a running server.
    return error instanceof pg.DatabaseError && error.code !== '57P03'
  }
}
