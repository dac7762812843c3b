import { connect, type Socket } from 'node:net'
import type { Connection } from '../../scripts/postgres/connection.js'
import { type Ends, Line, type Stage } from './line.js'
import { listen } from './listener.js'
import { type Treat, treating } from './treatments.js'

/** A server that a relay can lead to, real or scripted. */
export interface Place {
  readonly connection: Connection
}

/** Where a new connection leads: to a server, to a peer that never answers, or nowhere, because the relay closes it. */
export type Route = Place | 'silence' | 'closed'

/** What a relay does besides passing on all bytes, in both directions. */
export interface Policy {
  /** The route of the next connection. Default: to the relay's server. */
  readonly route?: () => Route
  /** Puts other streams over the two sockets of a line, e.g. TLS, before the first byte passes. */
  readonly secure?: (line: Line) => Promise<Ends>
  /** Default: all passes unchanged. */
  readonly toServer?: Stage
  readonly toClient?: Stage
}

/** A port that leads to a server. */
export interface Relay extends AsyncDisposable {
  /** The server's connection, with the relay's address. */
  readonly connection: Connection
  /** The lines that are open. */
  readonly lines: ReadonlySet<Line>
  /** Connections that clients made so far. */
  readonly made: number
  /** Connections of clients that are open. */
  readonly open: number
  /** Connections that led to silence. */
  readonly silenced: number
  /** Sends bytes to all clients. The server must send nothing at the same time. */
  inject(bytes: Uint8Array): void
  /** Closes all lines. Rejects where the policy threw. */
  close(): Promise<void>
}

const unchanged: Stage = (incoming) => incoming

/** @param policy a policy, or the treatment of each message */
export const relay = async (server: Place, policy: Policy | Treat = {}): Promise<Relay> => {
  const {
    route = () => server,
    secure = async ({ client, server }) => [client, server],
    toServer = unchanged,
    toClient = unchanged,
  }: Policy = typeof policy === 'function' ? treating(policy) : policy
  const lines = new Set<Line>()
  let silenced = 0

  const serve = async (client: Socket, number: number, to: Place): Promise<void> => {
    const line = new Line(number, client, listener.adopt(connectTo(to)))
    lines.add(line)
    line.closed.then(() => lines.delete(line))
    const ends = await secure(line).catch((error: unknown) => {
      // a client or a server may close the connection in the middle of a handshake
      if (client.destroyed || line.server.destroyed) return undefined
      throw error
    })
    if (ends === undefined) return line.cut('end')
    for (const end of ends) end.on('error', () => line.cut('end'))
    await line.pass(ends, toServer, toClient)
  }
  const listener = await listen(
    (client, number) => {
      const to = route()
      if (to === 'closed') return client.destroy()
      if (to !== 'silence') return serve(client, number, to)
      silenced += 1
      return client.resume().on('end', () => client.end())
    },
    { allowHalfOpen: true },
  )
  return {
    connection: { ...server.connection, host: '127.0.0.1', port: listener.port },
    lines,
    get made() {
      return listener.made
    },
    get open() {
      return listener.open
    },
    get silenced() {
      return silenced
    },
    inject(bytes) {
      for (const { client } of lines) client.write(bytes)
    },
    close: () => listener.close(),
    [Symbol.asyncDispose]: () => listener.close(),
  }
}

const connectTo = ({ connection: { host, port } }: Place): Socket =>
  connect({
    ...(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port, noDelay: true }),
    allowHalfOpen: true,
  })
