import type { Duplex } from 'node:stream'
import pg from 'pg'
import { settlesWithin } from '../../shared/async/deadline.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import { CopyError } from '../../shared/errors/errors.js'
import type { BackendId } from '../../shared/session/backend-id.js'
import { isIdle } from '../../shared/session/client-idle.js'
import { CopyCommand, type CopyProtocol } from '../../shared/session/copy-command.js'
import type { CopyInSession } from '../../shared/session/copy-in.js'
import { onServerEvents, type ServerEvent } from '../../shared/session/server-events.js'
import type { StatementSession } from '../../shared/session/session.js'
import { RAW_TYPES } from '../../shared/session/session.js'
import { MAX_MS } from '../../shared/session/step-deadlines.js'
import { sessionFault } from '../../shared/wire/server-error.js'
import { beginUse, endUse } from './in-use.js'

/** What pg's client has beyond its types. */
type PgClient = pg.Client & {
  readonly _connected?: boolean
  readonly _ending?: boolean
  readonly _activeQuery?: object | null
  readonly _queryQueue?: readonly object[]
  readonly connectionParameters?: { readonly query_timeout?: number | false }
}

/** The state of a client before a copy. */
export interface ClientState {
  /** The transaction status of ReadyForQuery: idle, in a transaction, in a failed transaction. */
  readonly status: 'I' | 'T' | 'E'
  readonly isolation: string
}

const FAILED_TRANSACTION = '25P02'

/** Settings that decide what the bytes of a value mean: name, whether a value is right, what to set instead. */
const NEEDED: readonly [name: string, suits: (value: string) => boolean, right: string][] = [
  ['client_encoding', (value) => value === 'UTF8', 'UTF8'],
  ['DateStyle', (value) => value.startsWith('ISO'), 'ISO'],
  ['IntervalStyle', (value) => value === 'postgres', 'postgres'],
]
const NEEDED_OF_PRODUCERS: typeof NEEDED = [
  ...NEEDED,
  ['extra_float_digits', (value) => Number(value) >= 1, '1'],
]

/** Not by its class: a program may have loaded more than one copy of pg. */
export const isClient = (client: unknown): client is pg.Client => {
  const { query, connection } = (client ?? {}) as Partial<pg.Client>
  return typeof query === 'function' && typeof connection?.stream?.write === 'function'
}

/**
 * Refuses a client that is given for two ends of one copy.
 * @throws CopyError COPY_OPTION
 */
export const refuseSameClient = (ends: Iterable<object>): void => {
  const clients = new Set<unknown>()
  for (const end of ends) {
    const { client } = end as { client?: unknown }
    if (!isClient(client)) continue
    if (clients.has(client))
      throw new CopyError('COPY_OPTION', 'the same pg.Client is given twice; each end needs one of its own')
    clients.add(client)
  }
}

/**
 * A user's pg.Client for the time of a copy, with the methods of a Session. Its transaction is never begun or committed
 * here, and the client is never ended. `close` removes all listeners.
 */
export class ClientSession implements StatementSession, CopyInSession {
  readonly client: pg.Client
  /** Human-readable, for error texts. */
  readonly server = 'the server of the pg.Client'
  /** The client's backend; undefined before the server was asked. */
  backend: BackendId | undefined
  /** Settles when the connection is closed, by either side. */
  readonly closed: Promise<void>
  readonly #stopEvents: () => void
  #close!: () => void
  #lost: Error | undefined

  /** @throws CopyError COPY_STATE for a client that is not connected, busy, or used by another copy */
  constructor(client: pg.Client, event: (event: ServerEvent) => void) {
    this.client = client
    this.requireIdle()
    beginUse(client, 'the pg.Client')
    this.closed = new Promise((resolve) => {
      this.#close = resolve
    })
    client.on('end', this.#close)
    // without a listener, the loss of the connection would end the process; here it becomes a fault
    client.on('error', this.#onError)
    this.#stopEvents = onServerEvents(client, event)
  }

  get socket(): Duplex {
    return this.client.connection.stream
  }

  /** @throws CopyError COPY_STATE for a client that is not connected, or has a query under way or waiting */
  requireIdle(): void {
    const { _connected, _ending, _activeQuery, _queryQueue } = this.client as PgClient
    // the user's await of a failed query may settle before ReadyForQuery has come: such a client is not busy
    const isBusy = !isIdle(this.client) && (_activeQuery !== null || _queryQueue?.length !== 0)
    const refuse = (why: string): never => {
      throw new CopyError('COPY_STATE', `the pg.Client ${why}`, { phase: 'start' })
    }
    if (_ending || (_connected && this.socket.destroyed)) refuse('has been ended')
    if (!_connected) refuse('is not connected: await client.connect() first')
    if (isBusy) refuse('is busy with another query: await that first')
  }

  /**
   * Reads the client's state, without taking a snapshot.
   * @throws CopyError COPY_STATE in a failed transaction; COPY_OPTION that names a setting which changes what values mean
   */
  async check(end: 'producer' | 'receiver'): Promise<ClientState> {
    const needed = end === 'producer' ? NEEDED_OF_PRODUCERS : NEEDED
    const names = [...needed.map(([name]) => name), 'transaction_isolation']
    let status: ClientState['status'] = 'I'
    const onReady = (message: { status: ClientState['status'] }): void => {
      status = message.status
    }
    this.client.connection.on('readyForQuery', onReady)
    let values: string[]
    try {
      const rows = await this.query(names.map((name) => `SHOW ${name}`).join(';'), 'start')
      values = rows.map(([value]) => value as string)
    } catch (error) {
      if ((error as CopyError).sqlState !== FAILED_TRANSACTION) throw error
      const why = "the pg.Client's transaction has failed: ROLLBACK it and begin another"
      throw new CopyError('COPY_STATE', why, { phase: 'start', cause: error })
    } finally {
      this.client.connection.off('readyForQuery', onReady)
    }
    for (const [i, [name, suits, right]] of needed.entries()) {
      const value = values[i] as string
      if (suits(value)) continue
      const what = `${name} is '${value}' on the ${end}'s pg.Client, under which values may mean something else`
      throw new CopyError('COPY_OPTION', `${what}: SET ${name} = '${right}' on it`, { phase: 'start' })
    }
    return { status, isolation: values.at(-1) as string }
  }

  /** Runs one statement. @returns the first word of its command tag, e.g. COMMIT */
  async command(text: string, phase: CopyPhase): Promise<string> {
    try {
      return (await this.client.query({ text, ...this.#patience() })).command
    } catch (error) {
      throw this.fault(error, phase)
    }
  }

  /** Runs SQL by the simple protocol. @returns all rows of all its statements, each value as text or null */
  async query(text: string, phase: CopyPhase): Promise<(string | null)[][]> {
    try {
      const query = { text, rowMode: 'array' as const, types: RAW_TYPES, ...this.#patience() }
      const result = await this.client.query<(string | null)[]>(query)
      return [result].flat().flatMap(({ rows }) => rows)
    } catch (error) {
      throw this.fault(error, phase)
    }
  }

  copy(text: string, protocol: CopyProtocol): CopyCommand {
    return this.submit(new CopyCommand(text, protocol))
  }

  submit<C extends CopyCommand>(command: C): C {
    // where the client has a query_timeout, pg wraps `callback`, and a call of it stops the timer
    const timed = Object.assign(command, { callback: () => undefined }, this.#patience())
    this.client.query(timed)
    const over = (): void => timed.callback()
    timed.finished.then(over, over)
    return command
  }

  fault(error: unknown, phase: CopyPhase): CopyError {
    return sessionFault(ownKind(error), phase, 'the connection of the pg.Client', this.#lost)
  }

  /** Closes the user's connection: the last resort when it cannot be brought back to a message boundary. */
  destroy(): void {
    this.socket.destroy()
  }

  /** Closes the user's connection at once; `why` is the reason in the error of what is under way. */
  lose(why: string): void {
    this.socket.destroy(new Error(why))
  }

  /** Releases the client to its user. */
  async close(deadlineMs: number): Promise<void> {
    // pg emits 'error' for a destroyed socket a little later, and without a listener that would end the process
    if (this.socket.destroyed) await settlesWithin(this.closed, deadlineMs)
    this.client.off('end', this.#close)
    this.client.off('error', this.#onError)
    this.#stopEvents()
    endUse(this.client)
  }

  /** The client's query_timeout is meant for short queries. It would end a COPY in the middle of a message. */
  #patience(): object {
    return (this.client as PgClient).connectionParameters?.query_timeout ? { query_timeout: MAX_MS } : {}
  }

  readonly #onError = (error: Error): void => {
    this.#lost ??= error
  }
}

/** An error of another copy of pg, as a DatabaseError of our pg, so that its SQLSTATE is found. */
const ownKind = (error: unknown): unknown => {
  if (!(error instanceof Error) || error instanceof pg.DatabaseError || !('severity' in error)) return error
  return Object.assign(new pg.DatabaseError(error.message, 0, 'error'), error)
}
