import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type pg from 'pg'
import { ServerConnection } from './server-connection.js'
import { tlsAsGiven } from './tls-upgrade.js'
import { guardWire } from './wire-guard.js'

/** A client as it is, beyond its types: whom to cancel, and how to get there. */
type CancelledClient = pg.Client & {
  readonly processID: number
  readonly secretKey: number
  readonly ssl: boolean | ConnectionOptions
  readonly sslNegotiation?: 'postgres' | 'direct'
}

/**
 * Asks the server to cancel what a client's backend is doing: on a connection of its own, to the same address, and
 * encrypted and checked like the client's: the secret key it sends is worth as much as the statement.
 * The server answers nothing here; the cancelled statement ends with 57014 on its own connection. Once this has
 * settled, a statement that begins later is not hit: the server signals before it closes, and ignores it when idle.
 * @returns settles when the request has left and the connection is closed, or could not be made within `deadlineMs`
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
    // best effort: when it fails, the caller's deadline closes the connection that was to be cancelled
    connection.on('error', () => connection.stream.destroy())
    connection.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
    connection.once(connection.isEncrypted ? 'sslconnect' : 'connect', () =>
      connection.cancel(processID, secretKey),
    )
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
    // a name may stand for several servers; only this one knows the key
    else connection.connect(port, (client.connection.stream as Socket).remoteAddress ?? host)
  })

/** A connection under the policy of a client that pg made. */
const likeUsers = ({ host, ssl, sslNegotiation = 'postgres' }: CancelledClient): ServerConnection => {
  if (!ssl) return new ServerConnection({ host })
  return new ServerConnection({ host, tls: tlsAsGiven(ssl, sslNegotiation) })
}
