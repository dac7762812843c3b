import type pg from 'pg'
import { CopyError } from '../../shared/errors/errors.js'
import { checkStatement } from '../../shared/session/copy-statement.js'
import { checkSettings, type SessionSettings } from '../../shared/session/session-settings.js'
import { poolAccess } from '../access/pool-access.js'
import { checkClient, isPool } from '../clients/client-check.js'
import { type CheckedConnection, type ConnectionInput, checkConnection } from '../conninfo/conninfo.js'
import { ClientTarget } from './client-target.js'
import { PoolTarget } from './pool-target.js'
import { type Placement, Receiver, type ReceiverContext, type RowCountRule } from './receiver.js'

/** A target on a connection of ours. */
export interface ToConnection {
  /** Where the target is: a URL, a libpq keyword string, or a pg.ClientConfig. */
  readonly connection: ConnectionInput
  readonly client?: undefined
  /** Server settings on this connection. They override those of the copy. */
  readonly session?: SessionSettings
}

/** A target on a pg.Client of yours. */
export interface ToClient {
  /**
   * A connected pg.Client of yours, in a transaction of yours. The copy never begins or commits a transaction on the
   * client, never ends it, and changes none of its settings. Do not use the client until the copy is over. The receiver
   * ends as `completed`; then COMMIT or ROLLBACK yourself. After a failure only ROLLBACK is possible. The receiver cannot
   * be reconciled from the start.
   */
  readonly client: pg.Client
  readonly connection?: undefined
  readonly session?: undefined
}

/** A target on a client of your pg.Pool. */
export interface ToPool {
  /**
   * A pg.Pool of yours. A client is checked out for the copy and released afterwards; a client that cannot be used again
   * is removed from the pool. The transaction is ours, and is committed with those of the other targets. When the answer
   * to COMMIT is lost, another client of the pool asks the server for the result. The COPY runs on the main thread. A pool
   * that has no client free within `deadlines.connect` is a fault.
   */
  readonly client: pg.Pool
  readonly connection?: undefined
  /** Server settings in that transaction. They override those of the copy. */
  readonly session?: SessionSettings
}

/** Exactly one of `connection` and `client`. */
export type StatementReceiverOptions = (ToConnection | ToClient | ToPool) & {
  /** One `COPY … FROM STDIN`, in the same format as the producer's. */
  readonly statement: string
  readonly name?: string
  /** SQL to run in the receiver's transaction before the COPY, e.g. `TRUNCATE events`. */
  readonly before?: readonly string[]
  /** SQL to run in the receiver's transaction after the COPY. */
  readonly after?: readonly string[]
  /** Default: `equal`, as many rows as the producer. Use `at-most` where triggers or WHERE may drop rows. */
  readonly rowCount?: RowCountRule
}

const ROW_COUNT_RULES = ['equal', 'at-most', 'any']

/**
 * Loads by `COPY … FROM STDIN`. With `connection`: in a worker thread, on a connection and in a transaction of its own.
 * With a pg.Client: on the main thread, inside the user's transaction. With a pg.Pool: on the main thread, on a client of
 * the pool, in a transaction of its own.
 */
export class StatementReceiver extends Receiver {
  override readonly rowCount: RowCountRule
  override readonly canRestart: boolean
  readonly statement: string
  readonly #client: pg.Client | undefined
  readonly #pool: pg.Pool | undefined
  readonly #connection: CheckedConnection | undefined
  readonly #options: StatementReceiverOptions
  readonly #settings: SessionSettings

  /**
   * @param where the name of these options in error texts
   * @throws CopyError COPY_OPTION for options that cannot work
   */
  constructor(options: StatementReceiverOptions, where = 'to') {
    super(options.name)
    this.statement = checkStatement(options.statement, `${where}.statement`)
    this.rowCount = options.rowCount ?? 'equal'
    if (!ROW_COUNT_RULES.includes(this.rowCount)) {
      throw new CopyError(
        'COPY_OPTION',
        `${where}.rowCount must be one of ${ROW_COUNT_RULES.join(', ')}, not ${String(this.rowCount)}`,
      )
    }
    for (const name of ['before', 'after'] as const) {
      const list = options[name]
      if (list !== undefined && (!Array.isArray(list) || list.some((sql) => typeof sql !== 'string'))) {
        throw new CopyError('COPY_OPTION', `${where}.${name} must be a list of SQL strings`)
      }
    }
    this.#settings = checkSettings(options.session, `${where}.session`)
    const client = checkClient(options, where)
    this.canRestart = client === undefined || isPool(client)
    if (isPool(client)) this.#pool = client
    else this.#client = client
    if (options.connection !== undefined) {
      this.#connection = checkConnection(options.connection, `${where}.connection`)
    }
    this.#options = options
  }

  /** The user's client that the receiver loads by; undefined for a connection or a pool. */
  get client(): pg.Client | undefined {
    return this.#client
  }

  async place(context: ReceiverContext): Promise<Placement> {
    const { before = [], after = [] } = this.#options
    const { connectMs, startMs, finishMs } = context
    const limits = { connectMs, startMs, finishMs }
    const { statement } = this
    const client = this.#client
    if (client !== undefined) {
      const plan = { client, statement, before, after, ...limits }
      return { thread: 'main', makeTarget: (event) => new ClientTarget(plan, event) }
    }
    const settings = { ...context.session, ...this.#settings }
    const pool = this.#pool
    if (pool !== undefined) {
      const plan = { pool, statement, before, after, settings, ...limits }
      return {
        thread: 'main',
        makeTarget: (event) => new PoolTarget(plan, event),
        server: poolAccess(pool),
      }
    }
    const connection = await (this.#connection as CheckedConnection).resolve()
    return {
      thread: 'worker',
      plan: { kind: 'statement', connection, statement, before, after, settings, ...limits },
    }
  }
}
