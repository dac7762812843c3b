import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** Serves one connection. An error that the function throws, or rejects with, is an error of the server itself. */
export type Serve = (client: Socket, number: number, listener: Listener) => unknown

export interface ListenOptions {
  /** As of node:net: whether `serve` ends the connection after the client has ended its side. Default: false. */
  readonly allowHalfOpen?: boolean
}

/** A port on 127.0.0.1 and all sockets of the server there, in the test's own process. */
export class Listener {
  readonly port: number
  /** Connections that clients made so far. */
  made = 0
  readonly #server
  readonly #sockets = new Set<Socket>()
  readonly #clients = new Set<Socket>()
  readonly #errors: unknown[] = []
  #closing: Promise<void> | undefined
  #isClosed = false

  constructor(server: ReturnType<typeof createServer>, serve: Serve) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (client) => this.#serve(client, serve))
  }

  /** Clients whose connection is open. */
  get open(): number {
    return this.#clients.size
  }

  /** Takes charge of a socket that the server itself opens: `close()` destroys the socket and waits until it is closed. */
  adopt(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    // a peer may reset the connection, and many tests want just that; 'close' follows
    socket.on('error', () => undefined)
    if (this.#closing !== undefined) socket.destroy()
    return socket
  }

  /** Reports an error of the server itself: `close()` rejects with the first. */
  readonly fail = (error: unknown): void => {
    // the test has called close() already: only an unhandled rejection can fail the test now
    if (this.#isClosed) throw error
    this.#errors.push(error)
  }

  /**
   * Accepts no more, destroys all sockets and waits until they are closed. Rejects where the server had an error of its
   * own, also at the second call.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #serve(client: Socket, serve: Serve): Promise<void> {
    const number = this.made++
    this.#clients.add(client)
    client.on('close', () => this.#clients.delete(client))
    this.adopt(client)
    try {
      await serve(client, number, this)
    } catch (error) {
      client.destroy()
      this.fail(error)
    }
  }

  async #close(): Promise<void> {
    const closed = [...this.#sockets].map((socket) => new Promise((resolve) => socket.on('close', resolve)))
    for (const socket of this.#sockets) socket.destroy()
    const noneAccepted = once(this.#server, 'close')
    this.#server.close()
    await Promise.all([noneAccepted, ...closed])
    this.#isClosed = true
    if (this.#errors.length > 0) throw this.#errors[0]
  }
}

export const listen = async (serve: Serve, options: ListenOptions = {}): Promise<Listener> => {
  const server = createServer({ noDelay: true, ...options })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new Listener(server, serve)
}

/** A server that takes connections and reads all that comes, and sends only what `answer` sends. */
export const silentServer = (answer: (client: Socket) => unknown = () => undefined): Promise<Listener> =>
  listen((client) => {
    answer(client)
    // a socket that is not read does not notice its end
    client.resume()
  })
