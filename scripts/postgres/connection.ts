import pg from 'pg'

/** What `pg.Client` takes. `host` is an address, or the folder of the Unix socket. */
export interface Connection {
  host: string
  port: number
  user: string
  database: string
  password?: string
}

/** A socket's folder goes percent-encoded into the place of the host, which libpq and pg both read. */
export function asUrl({ host, port, user, database, password }: Connection): string {
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`
  return `postgres://${user}${secret}@${encodeURIComponent(host)}:${port}/${database}`
}

/** Whether a server works there. */
export async function answers(connection: Connection): Promise<boolean> {
  const client = new pg.Client({ ...connection, ssl: false, connectionTimeoutMillis: 1000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.end()
    return true
  } catch (error) {
    // 57P03 is 'starting up'. Any other refusal, such as too many connections, comes from a server that works.
    return error instanceof pg.DatabaseError && error.code !== '57P03'
  }
}
