import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type pg from 'pg'
import { ServerConnection } from './server-connection.js'
import { tlsAsGiven } from './tls-upgrade.js'
import { guardWire } from './wire-guard.js'

/** What pg's client has beyond its types: which backend to cancel, and how to connect. */
type CancelledClient = pg.Client & {
  readonly processID: number
  readonly secretKey: number
  readonly ssl: boolean | ConnectionOptions
  readonly sslNegotiation?: 'postgres' | 'direct'
}

/**
 * Asks the server to cancel the statement of a client's backend. The request goes by another connection to the same
 * address, encrypted and checked like the client's, since the secret key needs the same protection as the statement.
 * There is no answer; the cancelled statement fails with 57014 on its own connection. Once this has resolved, a later
 * statement is not hit: the server signals the backend before it closes, and an idle backend ignores the signal.
 * @returns resolves when the request was sent and the connection is closed, or when `deadlineMs` has passed
 */
export const cancelRequest = (client: pg.Client, deadlineMs: number): Promise<void> =>
  new Promise((resolve) => {
    const { host, port, processID, secretKey } = client as CancelledClient
    const connection =
      client.connection instanceof ServerConnection
        ? client.connection.sibling()
        : likeUsers(client as CancelledClient)
    guardWire(connection)
    const timer = setTimeout(() => connection.stream.destroy(), deadlineMs)
    // best effort: if the request fails, the caller closes the client's connection at a deadline of its own
    connection.on('error', () => connection.stream.destroy())
    connection.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
    connection.once(connection.isEncrypted ? 'sslconnect' : 'connect', () =>
      connection.cancel(processID, secretKey),
    )
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
    // a name may resolve to several servers, and only this one knows the key
    else connection.connect(port, (client.connection.stream as Socket).remoteAddress ?? host)
  })

/** A connection under the TLS policy of a client that pg made. */
const likeUsers = ({ host, ssl, sslNegotiation = 'postgres' }: CancelledClient): ServerConnection => {
  if (!ssl) return new ServerConnection({ host })
  return new ServerConnection({ host, tls: tlsAsGiven(ssl, sslNegotiation) })
}
