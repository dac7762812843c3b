import pg from 'pg'
import type { ConnectionData } from '../shared/connection-data.js'

/** pg's connection as it is, beyond its types. */
type CancelConnection = pg.Connection & {
  connect(portOrPath: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

/**
 * Asks the server to cancel what a backend is doing: on a connection of its own, encrypted like the first one. The
 * server answers nothing here; the cancelled statement ends with 57014 on its own connection.
 * @returns settles when the request has left and the connection is closed, or could not be made within `deadlineMs`
 */
export const cancelRequest = (
  data: ConnectionData,
  backend: { processID: number; secretKey: number },
  deadlineMs: number,
): Promise<void> =>
  new Promise((resolve) => {
    const connection = new pg.Connection({
      ssl: data.ssl ?? false,
    } as pg.ConnectionConfig) as CancelConnection
    const timer = setTimeout(() => connection.stream.destroy(), deadlineMs)
    // best effort: when it fails, the caller's deadline closes the connection that was to be cancelled
    connection.on('error', () => connection.stream.destroy())
    connection.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
    const send = () => connection.cancel(backend.processID, backend.secretKey)
    connection.once('connect', () => (data.ssl ? connection.requestSsl() : send()))
    connection.once('sslconnect', send)
    if (data.host.startsWith('/')) connection.connect(`${data.host}/.s.PGSQL.${data.port}`)
    else connection.connect(data.port, data.host)
  })
