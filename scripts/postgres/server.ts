import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { asUrl, type Connection } from './connection.js'
import { freePort } from './port.js'
import { readLog, StartFailure, startPostmaster, stopPostmaster } from './postmaster.js'
import { type Settings, settingLines, THROW_AWAY_SETTINGS } from './settings.js'
import type { Task } from './supervision.js'
import type { Template } from './template.js'

const START_MS = 60_000
const RETRY_MS = 100

/** One PostgreSQL server. Only `query` and `client` may be called concurrently. */
export class Server {
  readonly name: string
  /** As PostgreSQL writes its version, e.g. '18.4'. */
  readonly version: string
  readonly #template: Template
  readonly #folder: string
  readonly #ports: Set<number>
  #port: number | undefined
  #postmaster: Task | undefined

  /** @param ports the ports of all servers of this group */
  constructor(template: Template, name: string, folder: string, ports: Set<number>) {
    this.#template = template
    this.#folder = folder
    this.#ports = ports
    this.name = name
    this.version = template.version
  }

  /** Creates the data folder. Call once, before `start`. */
  async create(settings: Settings): Promise<void> {
    await this.#template.copyTo(this.#folder)
    await appendFile(
      join(this.#folder, 'postgresql.conf'),
      settingLines({ ...THROW_AWAY_SETTINGS, cluster_name: this.name, ...settings }),
    )
  }

  /** How to connect by TCP; a new object at each call. */
  get connection(): Connection {
    return this.#connection('127.0.0.1')
  }

  /** How to connect by the Unix socket; a new object at each call. */
  get socketConnection(): Connection {
    return this.#connection(this.#template.supervision.folder)
  }

  get url(): string {
    return asUrl(this.connection)
  }

  get socketUrl(): string {
    return asUrl(this.socketConnection)
  }

  /** Process id of the postmaster; undefined while the server is stopped. */
  get pid(): number | undefined {
    return this.#postmaster?.pid
  }

  /** The server's whole log, over all its starts. */
  async log(): Promise<string> {
    return await readLog(`${this.#folder}.log`)
  }

  /**
   * Resolves when the server answers, at once if it runs already. A restart keeps the port. Rejects with the last lines
   * of the log if the server exits before it answers, or does not answer within 60 s.
   */
  async start(): Promise<void> {
    const deadline = Date.now() + START_MS
    while (!this.#postmaster) {
      const isRestart = this.#port !== undefined
      this.#port ??= await freePort(this.#ports)
      const { supervision, bindir } = this.#template
      try {
        const task = await startPostmaster(supervision, bindir, this.#folder, this.socketConnection, deadline)
        this.#postmaster = task
        void task.ended.then(() => {
          this.#postmaster = undefined
        })
      } catch (error) {
        if (!(error instanceof StartFailure && error.busy && Date.now() < deadline)) throw error
        if (isRestart) await sleep(RETRY_MS)
        else this.#port = undefined
      }
    }
  }

  /** `fast` closes connections and writes a checkpoint; after `immediate` the next start recovers. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  }

  /** Kills the postmaster with SIGKILL. Backends exit when they next wait; a later `start` waits for them. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Runs one statement on a new connection and returns the rows. */
  async query<R extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<R[]> {
    const client = await this.client()
    try {
      return (await client.query<R>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  /** A client connected by TCP, which the caller must end. If its connection is lost, the next query fails. */
  async client(options: pg.ClientConfig = {}): Promise<pg.Client> {
    const client = new pg.Client({ ...this.connection, ssl: false, ...options })
    client.on('error', () => {}) // without a listener, a server that is killed would end the program
    await client.connect()
    return client
  }

  #connection(host: string): Connection {
    if (this.#port === undefined) throw new Error(`server '${this.name}' was never started`)
    const { password } = this.#template
    const secret = password === undefined ? {} : { password }
    return { host, port: this.#port, user: 'postgres', database: 'postgres', ...secret }
  }

  async #end(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void> {
    if (this.#postmaster) await stopPostmaster(this.#template.supervision, this.#postmaster, signal)
  }
}
