import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import pg from 'pg'
import { Budget } from '../async/budget.js'
import type { CopyPhase } from '../errors/codes.js'
import { CopyError, factsOf } from '../errors/errors.js'
import { NO_PASSWORD } from '../wire/auth-guard.js'
import { type ConnectionParameters, describeServer } from '../wire/connection-parameters.js'
import { ServerConnection } from '../wire/server-connection.js'
import { sessionFault, toCopyError } from '../wire/server-error.js'
import { guardWire } from '../wire/wire-guard.js'
import type { BackendId } from './backend-id.js'
import { CopyCommand, type CopyProtocol } from './copy-command.js'
import type { CopyInSession } from './copy-in.js'
import { onServerEvents, type ServerEvent } from './server-events.js'

/**
 * PostgreSQL's default is 4,096 rounds; 1,000,000 take about half a second. A hostile server may ask for 2^31 - 1, which
 * would take a quarter of an hour of CPU before the server has proved anything.
 */
const MAX_SCRAM_ITERATIONS = 1_000_000

const WRONG_PASSWORD = '28P01'

const isAboutPassword = ({ sqlState, message }: CopyError): boolean =>
  sqlState === WRONG_PASSWORD || message === NO_PASSWORD

/** The server refuses this way to connect, e.g. without a line in its pg_hba.conf. 28P01 is no reason to try another way. */
const INVALID_AUTHORIZATION = '28000'

export interface SessionOptions {
  /** How long connecting and authenticating may take, in milliseconds; 0 for no limit. */
  readonly connectMs: number
  /** Cancels connecting. */
  readonly signal?: AbortSignal
  /** Makes the socket of a connection that is not encrypted; default: pg's own socket. */
  readonly makeSocket?: () => Duplex
}

/**
 * One connection of ours to one server, through pg: opened from plain data, and closed by us. Beyond pg it turns errors
 * into CopyErrors, runs COPY, and has a `close` that waits until the socket is closed.
 */
export class Session implements CopyInSession {
  readonly #client: pg.Client
  readonly #server: string
  /** Whether the connection uses TLS, which a policy may leave to the server. */
  readonly isEncrypted: boolean
  /** The session's backend; undefined before the server was asked. */
  backend: BackendId | undefined
  #closed: Promise<void>
  #lost: Error | undefined

  private constructor(client: pg.Client, server: string, isEncrypted: boolean) {
    this.#client = client
    this.#server = server
    this.isEncrypted = isEncrypted
    this.#closed = new Promise((resolve) => client.once('end', () => resolve()))
    guardWire(client.connection)
    // without this listener, the 'error' event of a lost connection would end the process. pg emits it also for a message
    // that comes while no query runs: then pg takes no further query, but leaves the socket open
    client.on('error', (error) => {
      this.#lost ??= error
      this.destroy()
    })
  }

  /**
   * Connects and authenticates. When the server refuses, the next attempt of the TLS policy follows.
   * @throws CopyError COPY_CONNECT, with the server's SQLSTATE where it sent one; COPY_TLS; COPY_PROTOCOL
   */
  static async open(data: ConnectionParameters, options: SessionOptions): Promise<Session> {
    const limits = [options.connectMs, data.connectMs ?? 0].filter((ms) => ms > 0)
    const budget = Budget.of(limits.length === 0 ? 0 : Math.min(...limits))
    const attempts = data.tls?.attempts ?? ['plain']
    let before = ''
    for (const [i, attempt] of attempts.entries()) {
      const tls = attempt === 'tls' ? data.tls : undefined
      const connection = new ServerConnection({
        host: data.host,
        tls,
        auth: data.auth,
        pg: tls === undefined ? { stream: options.makeSocket } : {},
      })
      try {
        return await Session.#connect(connection, data, budget, options.signal)
      } catch (error) {
        const fault = toCopyError(error, 'connect')
        const next = attempts[i + 1]
        if (next !== undefined && !options.signal?.aborted && (connection.tlsFailed || isRefusal(fault))) {
          before += `; before, ${attempt === 'tls' ? 'with' : 'without'} TLS: ${fault.message}`
          continue
        }
        const note = isAboutPassword(fault) && data.passwordNote ? `; ${data.passwordNote}` : ''
        const sentence = `cannot connect to ${describeServer(data)}: ${fault.message}${note}${before}`
        throw new CopyError(fault.code, sentence, { ...factsOf(fault), cause: error })
      }
    }
    throw new CopyError('COPY_OPTION', 'a TLS policy names no way to connect')
  }

  static async #connect(
    connection: ServerConnection,
    data: ConnectionParameters,
    budget: Budget,
    signal: AbortSignal | undefined,
  ): Promise<Session> {
    const encrypted = connection.isEncrypted
    const client = new pg.Client({
      host: data.address ?? data.host,
      port: data.port,
      user: data.user,
      database: data.database,
      // a function, so that pg does not read a password file again, by rules of its own
      password: (() => data.password) as () => string,
      // the connection negotiates TLS itself; pg must neither do that nor read the environment
      ssl: encrypted,
      sslnegotiation: encrypted ? 'direct' : 'postgres',
      enableChannelBinding: encrypted && data.auth?.channelBinding !== 'disable',
      scramMaxIterations: MAX_SCRAM_ITERATIONS,
      application_name: data.applicationName,
      ...(data.options !== undefined && { options: data.options }),
      connection,
    } as pg.ClientConfig)
    const session = new Session(client, describeServer(data), encrypted)
    const cancel = (): void => session.destroy()
    const deadline = session.#limitConnecting(budget)
    signal?.addEventListener('abort', cancel)
    try {
      const connecting = client.connect()
      if (signal?.aborted) cancel()
      await connecting
    } catch (error) {
      session.destroy()
      throw error
    } finally {
      clearTimeout(deadline)
      signal?.removeEventListener('abort', cancel)
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

  /** Human-readable: host and port. */
  get server(): string {
    return this.#server
  }

  /** Reports each notice, notification and parameter change from now on, in the server's order. */
  onServerEvent(listener: (event: ServerEvent) => void): void {
    onServerEvents(this.#client, listener)
  }

  /**
   * Runs SQL by the simple protocol.
   * @returns the rows of its last statement, each value as text or null
   * @throws CopyError COPY_SERVER or COPY_CONNECTION_LOST
   */
  async query(text: string, phase: CopyPhase): Promise<(string | null)[][]> {
    return (await this.#query(text, phase)).rows
  }

  /** Runs one statement. @returns the first word of its command tag, e.g. COMMIT */
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

  /** Submits a COPY; the promises of the command report its progress. */
  copy(text: string, protocol: CopyProtocol): CopyCommand {
    const command = new CopyCommand(text, protocol)
    this.#client.query(command)
    return command
  }

  /** An error of pg as a CopyError that names the server. */
  fault(error: unknown, phase: CopyPhase): CopyError {
    return sessionFault(error, phase, `the connection to ${this.#server}`, this.#lost)
  }

  /** Ends the session and waits until the socket is closed. Past the deadline the socket is destroyed. */
  async close(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.destroy(), deadlineMs)
    // pg's own end() never settles on a connection that ended before
    this.#client.end().catch((error: Error) => {
      this.#lost ??= error
    })
    await this.#closed
    clearTimeout(timer)
  }

  /** Closes the socket at once; the server rolls back. After `closed` the kernel reads nothing from written memory any more. */
  destroy(): void {
    this.#client.connection.stream.destroy()
  }

  /** Closes the socket at once. What is under way fails as a lost connection, with `why` as the reason. */
  lose(why: string): void {
    this.#client.connection.stream.destroy(new Error(why))
  }

  get closed(): Promise<void> {
    return this.#closed
  }

  /** From name lookup to ReadyForQuery. pg's own limit does not name the deadline. */
  #limitConnecting({ limitMs, leftMs }: Budget): NodeJS.Timeout | undefined {
    if (limitMs === 0) return undefined
    return setTimeout(() => {
      const { stream } = this.#client.connection
      const what = (stream as Socket).connecting
        ? 'no TCP connection'
        : 'the server took the connection, but was not ready'
      const error = new Error(`${what} within ${limitMs} ms (deadlines.connect)`)
      stream.destroy(Object.assign(error, { code: 'ETIMEDOUT' }))
    }, leftMs)
  }
}

const isRefusal = ({ sqlState }: CopyError): boolean => sqlState === INVALID_AUTHORIZATION

/** Values stay text: we compare them and pass them on, and never compute with them. */
export const RAW_TYPES: pg.CustomTypesConfig = { getTypeParser: () => (value: string) => value }

/** The connection that a COPY OUT runs on, ours or a user's. */
export type StatementSession = Pick<
  Session,
  'client' | 'socket' | 'server' | 'backend' | 'copy' | 'fault' | 'destroy'
>
