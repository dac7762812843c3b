import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Connection } from '../../scripts/postgres/connection.js'
import type { Server } from '../../scripts/postgres/server.js'

/** Where a new connection goes: to a server, or to nobody who would ever say a word. */
export type Route = Server | 'silence'

/** A port that one can route to servers, connection by connection, and whose connections can fall silent. */
export interface Switchboard {
  readonly connection: Connection
  /** Connections that were made from the client's side and are open. */
  readonly open: number
  /** Connections that were made, ever. */
  readonly made: number
  /** Of these, those that go to nobody. */
  readonly silenced: number
  /** Where connections go from now on. */
  route(to: Route): void
  /** Nothing passes on the connections there are any more, in either direction: not even that one was closed. */
  freeze(): void
  close(): Promise<void>
}

export const startSwitchboard = async (server: Server, first: Route = server): Promise<Switchboard> => {
  const clients = new Set<Socket>()
  const lines = new Set<{ isFrozen: boolean; readonly ends: readonly Socket[] }>()
  let to = first
  let made = 0
  let silenced = 0
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    made += 1
    clients.add(client)
    client.on('error', () => undefined)
    client.on('close', () => clients.delete(client))
    if (to === 'silence') {
      silenced += 1
      client.resume()
      client.on('end', () => client.end())
      return
    }
    const { host, port } = to.connection
    const behind = connect({ host, port, noDelay: true, allowHalfOpen: true })
    behind.on('error', () => undefined)
    const line = { isFrozen: false, ends: [client, behind] }
    lines.add(line)
    for (const [from, into] of [
      [client, behind],
      [behind, client],
    ] as const) {
      from.on('data', (bytes) => {
        if (!line.isFrozen && !into.write(bytes)) {
          from.pause()
          into.once('drain', () => line.isFrozen || from.resume())
        }
      })
      from.on('end', () => line.isFrozen || into.end())
      from.on('close', () => line.isFrozen || into.destroy())
    }
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return {
    connection: { ...server.connection, host: '127.0.0.1', port },
    get open() {
      return clients.size
    },
    get made() {
      return made
    },
    get silenced() {
      return silenced
    },
    route(next) {
      to = next
    },
    freeze() {
      for (const line of lines) {
        line.isFrozen = true
        for (const end of line.ends) end.pause()
      }
    },
    async close() {
      for (const { ends } of lines) for (const end of ends) end.destroy()
      for (const client of clients) client.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
