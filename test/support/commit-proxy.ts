import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Connection } from '../../scripts/postgres/connection.js'
import type { Server } from '../../scripts/postgres/server.js'

/** A COMMIT that was not passed on: the two sockets of its connection, and the message. */
export interface Caught {
  readonly client: Socket
  readonly behind: Socket
  readonly message: Buffer
}

/** A real server behind a relay that hands the first COMMIT to the test. All else is passed on, later ones too. */
export interface CommitProxy {
  readonly connection: Connection
  /** New connections go there from now on; undefined: they are cut at once. */
  goTo(server: Server | undefined): void
  /** New connections are refused from now on. */
  refuse(): Promise<void>
  close(): Promise<void>
}

const simpleQuery = (sql: string): Buffer => {
  const body = Buffer.from(`${sql}\0`)
  const head = Buffer.from([0x51, 0, 0, 0, 0])
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const COMMIT = simpleQuery('COMMIT')
export const ROLLBACK = simpleQuery('ROLLBACK')

/** Passes the COMMIT on, and the connection is cut instead of its answer. */
export const cutTheAnswer = ({ client, behind, message }: Caught): void => {
  behind.removeAllListeners('data')
  behind.once('data', () => client.destroy())
  behind.write(message)
}

/** Both sides are cut before the server has heard of the COMMIT. */
export const cutTheRequest = ({ client, behind }: Caught): void => {
  client.destroy()
  behind.destroy()
}

/** The server answers, and the client never hears it. */
export const swallowTheAnswer = ({ behind, message }: Caught): void => {
  behind.removeAllListeners('data')
  behind.resume()
  behind.write(message)
}

export const startCommitProxy = async (
  server: Server,
  atCommit: (caught: Caught) => void,
): Promise<CommitProxy> => {
  const sockets = new Set<Socket>()
  let isCaught = false
  let target: Server | undefined = server
  const listener = createServer({ noDelay: true }, (client) => {
    if (target === undefined) {
      client.destroy()
      return
    }
    const { host, port } = target.connection
    const behind = connect({ host, port, noDelay: true })
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => one.destroy())
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    behind.on('data', (bytes) => client.write(bytes))
    client.on('data', (bytes: Buffer) => {
      // the client waited for this moment: the message comes alone
      if (!isCaught && bytes.equals(COMMIT)) {
        isCaught = true
        atCommit({ client, behind, message: bytes })
      } else {
        behind.write(bytes)
      }
    })
  })
  const refuse = async (): Promise<void> => {
    if (!listener.listening) return
    listener.close()
    for (const socket of sockets) socket.destroy()
    await once(listener, 'close')
  }
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    connection: { ...server.connection, host: '127.0.0.1', port: (listener.address() as AddressInfo).port },
    goTo(server) {
      target = server
    },
    refuse,
    close: refuse,
  }
}
