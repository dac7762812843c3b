import type pg from 'pg'
import { Session } from '../../shared/session/session.js'
import { describeServer } from '../../shared/wire/connection-parameters.js'
import { type ConnectionInput, checkConnection } from './conninfo.js'

/** Where a connection goes, without any secret: fit for texts and logs. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** For people: host and port, or the path of the Unix socket. */
  readonly server: string
}

export interface ConnectOptions {
  /** How long connecting and authenticating may take, in milliseconds; 10,000 unless given, 0 for no limit. */
  readonly connectMs?: number
  /** Gives up connecting. */
  readonly signal?: AbortSignal
}

const CONNECT_MS = 10_000

/**
 * Connects as a copy does: the same URLs, keywords, environment and encryption, for people who want to look at a server
 * before they copy.
 */
export class Connector {
  readonly #checked: ReturnType<typeof checkConnection>

  /** @throws CopyError COPY_OPTION that names `option` and quotes no secret */
  constructor(input: ConnectionInput, option = 'connection') {
    this.#checked = checkConnection(input, option)
  }

  /** Where it goes. */
  async address(): Promise<ServerAddress> {
    const data = await this.#checked.resolve()
    const { host, port, user, database } = data
    return { host, port, user, database, server: describeServer(data) }
  }

  /**
   * A connected client; the caller ends it. That its connection breaks shows in its next query only.
   * @throws CopyError COPY_CONNECT, with the server's SQLSTATE where it sent one
   */
  async connect({ connectMs = CONNECT_MS, signal }: ConnectOptions = {}): Promise<pg.Client> {
    const session = await Session.open(await this.#checked.resolve(), {
      connectMs,
      ...(signal !== undefined && { signal }),
    })
    return session.client
  }
}
