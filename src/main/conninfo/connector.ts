import type pg from 'pg'
import { Session } from '../../shared/session/session.js'
import { describeServer } from '../../shared/wire/connection-parameters.js'
import { type ConnectionInput, checkConnection } from './conninfo.js'

/** Where a connection goes. It holds no secret, so it may appear in messages and logs. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Human-readable: host and port, or the path of the Unix socket. */
  readonly server: string
}

export interface ConnectOptions {
  /** How long connecting and authenticating may take, in milliseconds. Default: 10,000; 0: no limit. */
  readonly connectMs?: number
  /** Cancels connecting. */
  readonly signal?: AbortSignal
}

const CONNECT_MS = 10_000

/**
 * Connects to a server as a copy does, with the same URLs, keywords, environment and encryption. For programs that look
 * at a server before they copy.
 */
export class Connector {
  readonly #checked: ReturnType<typeof checkConnection>

  /** @throws CopyError COPY_OPTION for an illegal connection; it names `option` and quotes no secret */
  constructor(input: ConnectionInput, option = 'connection') {
    this.#checked = checkConnection(input, option)
  }

  /** Where the connection goes. */
  async address(): Promise<ServerAddress> {
    const data = await this.#checked.resolve()
    const { host, port, user, database } = data
    return { host, port, user, database, server: describeServer(data) }
  }

  /**
   * Connects, and returns a client that the caller must end. If the connection is lost later, the next query fails; the
   * client's `error` event does not end the process.
   * @throws CopyError COPY_CONNECT, with the server's SQLSTATE if the server sent one; COPY_TLS; COPY_PROTOCOL
   */
  async connect({ connectMs = CONNECT_MS, signal }: ConnectOptions = {}): Promise<pg.Client> {
    const session = await Session.open(await this.#checked.resolve(), {
      connectMs,
      ...(signal !== undefined && { signal }),
    })
    return session.client
  }
}
