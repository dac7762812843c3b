import { once } from 'node:events'
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net'
import { connect, TLSSocket } from 'node:tls'
import type { Server } from '../../scripts/postgres/server.js'
import { type Certificate, certificateText } from './certificates.js'

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** Sits between a client and a real server with TLS on both sides, as somebody who has a certificate of their own. */
export interface TlsRelay {
  readonly port: number
  /** What each connection sent under TLS so far. */
  readonly sent: readonly Buffer[]
  close(): Promise<void>
}

/** @param certificateOf what connection `index`, from 0, is shown */
export const startTlsRelay = async (
  server: Server,
  certificateOf: (index: number) => Certificate,
): Promise<TlsRelay> => {
  const sent: Buffer[] = []
  const sockets = new Set<Socket>()
  const relay = async (client: Socket): Promise<void> => {
    const index = sent.push(Buffer.alloc(0)) - 1
    await once(client, 'data')
    const { host, port } = server.connection
    const behind = connectSocket({ host, port, noDelay: true })
    behind.on('error', () => client.destroy())
    client.on('close', () => behind.destroy())
    behind.on('close', () => client.destroy())
    behind.write(SSL_REQUEST)
    await once(behind, 'data')
    const secure = connect({ socket: behind, rejectUnauthorized: false })
    secure.on('error', () => client.destroy())
    client.write('S')
    const certificate = certificateOf(index)
    const front = new TLSSocket(client, {
      isServer: true,
      cert: certificateText(`${certificate}.crt`),
      key: certificateText(`${certificate}.key`),
    })
    front.on('error', () => client.destroy())
    front.on('data', (bytes: Buffer) => {
      sent[index] = Buffer.concat([sent[index] as Buffer, bytes])
    })
    front.pipe(secure).pipe(front)
  }
  const listener = createServer({ noDelay: true }, (client) => {
    sockets.add(client)
    client.on('close', () => sockets.delete(client))
    client.on('error', () => client.destroy())
    relay(client).catch(() => client.destroy())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    port: (listener.address() as AddressInfo).port,
    sent,
    async close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
