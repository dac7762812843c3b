import type pg from 'pg'
import type { Connector } from '../../index.js'

export interface Bounds {
  /** For connecting and for all queries together, in milliseconds. */
  readonly deadlineMs: number
  /** For connecting alone, in milliseconds; default: 0, no limit besides the deadline. */
  readonly connectMs?: number
  readonly signal?: AbortSignal | undefined
}

/** How long `close` waits for the server, in milliseconds. */
const CLOSE_MS = 1_000

/** A connection with a deadline. At the deadline, and when the signal fires, it destroys its socket: its queries reject. */
export class BoundedConnection {
  readonly #connector: Connector
  readonly #connectMs: number
  readonly #signal: AbortSignal | undefined
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout
  #client: pg.Client | undefined
  #isLate = false

  constructor(connector: Connector, { deadlineMs, connectMs = 0, signal }: Bounds) {
    this.#connector = connector
    this.#connectMs = connectMs
    this.#signal = signal
    this.#timer = setTimeout(() => {
      this.#isLate = true
      this.destroy()
    }, deadlineMs)
    signal?.addEventListener('abort', this.#onAbort)
  }

  /** Whether the deadline has passed. */
  get isLate(): boolean {
    return this.#isLate
  }

  /** Whether the server has accepted the connection. */
  get isConnected(): boolean {
    return this.#client !== undefined
  }

  /** @throws CopyError COPY_CONNECT, COPY_TLS; the signal's reason, if it has fired before the call */
  async open(): Promise<pg.Client> {
    this.#signal?.throwIfAborted()
    this.#client = await this.connect()
    return this.#client
  }

  /** Opens a further connection to the same server, which the caller ends. */
  connect(): Promise<pg.Client> {
    return this.#connector.connect({ connectMs: this.#connectMs, signal: this.#stop.signal })
  }

  /** Ends the bounds. The connection stays open. */
  unbind(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }

  /** Closes the socket at once. */
  destroy(): void {
    this.#stop.abort()
    this.#client?.connection.stream.destroy()
  }

  /** Ends the session and waits until the socket is closed; destroys the socket after a second. */
  async close(): Promise<void> {
    this.unbind()
    const client = this.#client
    // `end()` of a client whose connection has ended never settles
    if (client === undefined || client.connection.stream.destroyed) return
    const closed = new Promise<void>((resolve) => client.once('end', () => resolve()))
    const timer = setTimeout(() => this.destroy(), CLOSE_MS)
    client.end().catch(() => undefined)
    await closed
    clearTimeout(timer)
  }

  readonly #onAbort = (): void => this.destroy()
}
