import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { NullSession, type SessionListener } from './session.js'

/** A null server in this process, so that a measurement can time the events at its sockets by its own clock. */
export class NullServerHere {
  readonly url: string
  readonly #close: () => Promise<void>

  private constructor(port: number, close: () => Promise<void>) {
    this.url = `postgres://null@127.0.0.1:${port}/null`
    this.#close = close
  }

  /** @param listener of the session on connection `number`, from 0 */
  static async start(listener: (number: number) => SessionListener): Promise<NullServerHere> {
    const sockets = new Set<Socket>()
    let connections = 0
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      new NullSession(socket, listener(connections++))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new NullServerHere((server.address() as { port: number }).port, async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    })
  }

  stop(): Promise<void> {
    return this.#close()
  }
}
