import type { Duplex } from 'node:stream'
import pg from 'pg'
import { type ConnectionData, describeServer } from './connection-data.js'
import { CopyCommand, type CopyProtocol } from './copy-command.js'
import { CopyError, type CopyPhase } from './errors.js'
import { sessionFault, toCopyError } from './server-error.js'
import { onServerEvents, type ServerEvent } from './server-events.js'

export interface SessionOptions {
  /** How long connecting and authenticating may take, in milliseconds; 0 for no limit. */
  readonly connectMs: number
  /** Gives up connecting. */
  readonly signal?: AbortSignal
  /** Makes the socket; pg's own kind unless given. */
  readonly makeSocket?: () => Duplex
}

/**
 * One connection of ours to one server, through pg: opened from plain data, ended by us. It adds to pg what a copy
 * needs: errors as CopyErrors, COPY with its connection in hand, and an end that waits until the socket is gone.
 */
export class Session {
  readonly #client: pg.Client
  readonly #server: string
  #closed: Promise<void>
  #lost: Error | undefined

  private constructor(client: pg.Client, server: string) {
    this.#client = client
    this.#server = server
    this.#closed = new Promise((resolve) => client.once('end', () => resolve()))
    // a lost connection also emits 'error' on the client: unheard, it would end the process
    client.on('error', (error) => {
      this.#lost ??= error
    })
  }

  /**
   * Connects and authenticates.
   * @throws CopyError COPY_CONNECT, with the server's SQLSTATE where it sent one
   */
  static async open(data: ConnectionData, options: SessionOptions): Promise<Session> {
    const client = new pg.Client({
      host: data.host,
      port: data.port,
      user: data.user,
      database: data.database,
      password: data.password,
      ssl: data.ssl ?? false,
      ...(data.sslNegotiation !== undefined && { sslnegotiation: data.sslNegotiation }),
      application_name: data.applicationName,
      ...(data.options !== undefined && { options: data.options }),
      connectionTimeoutMillis: options.connectMs,
      keepAlive: true,
      ...(options.makeSocket !== undefined && { stream: options.makeSocket }),
    } as pg.ClientConfig)
    const session = new Session(client, describeServer(data))
    const giveUp = (): void => session.destroy()
    options.signal?.addEventListener('abort', giveUp)
    try {
      const connecting = client.connect()
      if (options.signal?.aborted) giveUp()
      await connecting
    } catch (error) {
      session.destroy()
      const fault = toCopyError(error, 'connect')
      throw new CopyError(fault.code, `cannot connect to ${session.#server}: ${fault.message}`, {
        ...fault,
        cause: error,
      })
    } finally {
      options.signal?.removeEventListener('abort', giveUp)
    }
    return session
  }

  get client(): pg.Client {
    return this.#client
  }

  /** The socket that bytes go out on: the TLS socket where the connection is encrypted. */
  get socket(): Duplex {
    return this.#client.connection.stream
  }

  /** For people: host and port. */
  get server(): string {
    return this.#server
  }

  /** The version that the server reported at start, such as 150018. */
  get serverVersion(): Promise<number> {
    return this.query('SHOW server_version_num', 'start').then((rows) => Number(rows[0]?.[0]))
  }

  /** Tells every notice, notification and parameter change from now on, in the order the server sent them. */
  onServerEvent(listener: (event: ServerEvent) => void): void {
    onServerEvents(this.#client, listener)
  }

  /**
   * Runs SQL by the simple protocol and gives the rows of its last statement, each value as text or null.
   * @throws CopyError COPY_SERVER or COPY_CONNECTION_LOST
   */
  async query(text: string, phase: CopyPhase): Promise<(string | null)[][]> {
    return (await this.#query(text, phase)).rows
  }

  /** Runs one statement and gives its command tag's first word, such as COMMIT. */
  async command(text: string, phase: CopyPhase): Promise<string> {
    return (await this.#query(text, phase)).command
  }

  async #query(text: string, phase: CopyPhase): Promise<{ rows: (string | null)[][]; command: string }> {
    try {
      const result = await this.#client.query({ text, rowMode: 'array', types: RAW_TYPES })
      const last = Array.isArray(result) ? (result.at(-1) as typeof result) : result
      return { rows: last?.rows ?? [], command: last?.command ?? '' }
    } catch (error) {
      throw this.fault(error, phase)
    }
  }

  /** Submits a COPY; the command's promises tell the rest. */
  copy(text: string, protocol: CopyProtocol): CopyCommand {
    const command = new CopyCommand(text, protocol)
    this.#client.query(command)
    return command
  }

  /** What pg reported, as a CopyError that says which server. */
  fault(error: unknown, phase: CopyPhase): CopyError {
    return sessionFault(error, phase, `the connection to ${this.#server}`, this.#lost)
  }

  /** Says goodbye and waits until the socket is closed. Destroys it when the server does not let go in time. */
  async end(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.destroy(), deadlineMs)
    // pg's own end() never settles on a connection that ended before
    this.#client.end().catch((error: Error) => {
      this.#lost ??= error
    })
    await this.#closed
    clearTimeout(timer)
  }

  /** Closes the socket at once; the server rolls back. `closed` settles when nothing can be read from its memory any more. */
  destroy(): void {
    this.#client.connection.stream.destroy()
  }

  get closed(): Promise<void> {
    return this.#closed
  }
}

/** Values stay text: what we read is compared and passed on, never computed with. */
export const RAW_TYPES: pg.CustomTypesConfig = { getTypeParser: () => (value: string) => value }
