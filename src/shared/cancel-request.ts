import pg from 'pg'

/** pg's connection as it is, beyond its types. */
type CancelConnection = pg.Connection & {
  connect(portOrPath: number | string, host?: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

/** A client as it is, beyond its types: whom to cancel. */
type CancelledClient = pg.Client & { readonly processID: number; readonly secretKey: number }

/**
 * Asks the server to cancel what a client's backend is doing: on a connection of its own, encrypted like the client's.
 * The server answers nothing here; the cancelled statement ends with 57014 on its own connection. Once this has
 * settled, a statement that begins later is not hit: the server signals before it closes, and ignores it when idle.
 * @returns settles when the request has left and the connection is closed, or could not be made within `deadlineMs`
 */
export const cancelRequest = (client: pg.Client, deadlineMs: number): Promise<void> =>
  new Promise((resolve) => {
    const { host, port, ssl, processID, secretKey } = client as CancelledClient
    const connection = new pg.Connection({ ssl } as pg.ConnectionConfig) as CancelConnection
    const timer = setTimeout(() => connection.stream.destroy(), deadlineMs)
    // best effort: when it fails, the caller's deadline closes the connection that was to be cancelled
    connection.on('error', () => connection.stream.destroy())
    connection.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
    const send = () => connection.cancel(processID, secretKey)
    connection.once('connect', () => (ssl ? connection.requestSsl() : send()))
    connection.once('sslconnect', send)
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
    else connection.connect(port, host)
  })
