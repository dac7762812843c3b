import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import type { Connection } from '../../scripts/postgres/connection.js'
import type { Server } from '../../scripts/postgres/server.js'

/** A real server behind a line that takes little of what clients send. What the server sends comes unhindered. */
export interface ThrottledServer {
  readonly connection: Connection
  /** From now on nothing is held back. */
  lift(): void
  close(): Promise<void>
}

/** @param bytesPerSecond what one connection may send */
export const startThrottled = async (server: Server, bytesPerSecond: number): Promise<ThrottledServer> => {
  const clients = new Set<Socket>()
  const pauses = new Map<NodeJS.Timeout, () => void>()
  let isLifted = false

  const pause = async (ms: number): Promise<void> => {
    if (isLifted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        pauses.delete(timer)
        resolve()
      }, ms)
      pauses.set(timer, resolve)
    })
  }
  const goOn = (): void => {
    for (const [timer, resolve] of pauses) {
      clearTimeout(timer)
      resolve()
    }
    pauses.clear()
  }

  const listener = createServer({ noDelay: true }, (client) => {
    clients.add(client)
    const { host, port } = server.connection
    const behind = connect({ host, port, noDelay: true })
    client.on('error', () => behind.destroy())
    behind.on('error', () => client.destroy())
    behind.on('close', () => client.destroy())
    client.on('close', () => {
      clients.delete(client)
      behind.destroy()
    })
    behind.pipe(client)
    // nothing more is read while it pauses: that fills the kernel's buffers, and then the client's own
    const slow = new Transform({
      transform(bytes: Buffer, _encoding, done) {
        pause((bytes.length / bytesPerSecond) * 1000).then(() => done(null, bytes))
      },
    })
    client.pipe(slow).pipe(behind)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    connection: { ...server.connection, host: '127.0.0.1', port: (listener.address() as AddressInfo).port },
    lift() {
      isLifted = true
      goOn()
    },
    async close() {
      for (const client of clients) client.destroy()
      isLifted = true
      goOn()
      listener.close()
      await once(listener, 'close')
    },
  }
}
