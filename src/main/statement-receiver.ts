import type pg from 'pg'
import { CopyError } from '../shared/errors.js'
import { checkSettings, type SessionSettings } from '../shared/session-settings.js'
import { checkStatement } from '../shared/statement.js'
import { ClientTarget, checkClient } from './client-target.js'
import { type CheckedConnection, type ConnectionInput, checkConnection } from './connection-input.js'
import { type Placement, Receiver, type ReceiverContext, type RowCountRule } from './receiver.js'

interface OnConnection {
  /** Where the target is: a URL, a libpq keyword string, or a pg.ClientConfig. */
  readonly connection: ConnectionInput
  readonly client?: undefined
  /** Server settings on this connection; they win over those of the copy. */
  readonly session?: SessionSettings
}

interface OnClient {
  /**
   * A connected pg.Client of yours, in a transaction of yours: it is never begun, committed or ended, and its settings
   * stay yours. Do not use it until the copy is over. The receiver ends as `completed`; COMMIT or ROLLBACK is for you,
   * and after a failure only ROLLBACK is possible. It cannot be reconciled from the start.
   */
  readonly client: pg.Client
  readonly connection?: undefined
  readonly session?: undefined
}

/** Exactly one of `connection` and `client`. */
export type StatementReceiverOptions = (OnConnection | OnClient) & {
  /** One `COPY … FROM STDIN`, of the same format as the producer's. */
  readonly statement: string
  readonly name?: string
  /** SQL to run in the receiver's transaction before the COPY, such as `TRUNCATE events`. */
  readonly before?: readonly string[]
  /** SQL to run in the receiver's transaction after the COPY. */
  readonly after?: readonly string[]
  /** `equal` unless given: as many rows as the producer; `at-most` where triggers or WHERE may drop some. */
  readonly rowCount?: RowCountRule
}

const ROW_COUNT_RULES = ['equal', 'at-most', 'any']

/**
 * Loads by `COPY … FROM STDIN`: in a worker thread, on a connection and in a transaction of its own; or on the main
 * thread, on a user's client inside the user's own transaction.
 */
export class StatementReceiver extends Receiver {
  override readonly rowCount: RowCountRule
  override readonly canRestart: boolean
  readonly statement: string
  readonly #client: pg.Client | undefined
  readonly #connection: CheckedConnection | undefined
  readonly #options: StatementReceiverOptions
  readonly #settings: SessionSettings

  /**
   * @param where how error messages call these options
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
    this.#client = checkClient(options, where)
    this.canRestart = this.#client === undefined
    if (options.connection !== undefined) {
      this.#connection = checkConnection(options.connection, `${where}.connection`)
    }
    this.#options = options
  }

  /** The user's client that it loads by, if it does. */
  get client(): pg.Client | undefined {
    return this.#client
  }

  async place(context: ReceiverContext): Promise<Placement> {
    const { before = [], after = [] } = this.#options
    const { statement } = this
    const client = this.#client
    if (client !== undefined) {
      const plan = { client, statement, before, after }
      return { thread: 'main', makeTarget: (event) => new ClientTarget(plan, event) }
    }
    const connection = await (this.#connection as CheckedConnection).resolve()
    const settings = { ...context.session, ...this.#settings }
    const { connectMs } = context
    return {
      thread: 'worker',
      plan: { kind: 'statement', connection, statement, before, after, settings, connectMs },
    }
  }
}
