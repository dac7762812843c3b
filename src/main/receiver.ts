import { CallTarget, type SliceCallable } from '../shared/call-target.js'
import { CopyError } from '../shared/errors.js'
import type { ReceiverPlan } from '../shared/messages.js'
import { checkSettings, type SessionSettings } from '../shared/session-settings.js'
import { checkStatement } from '../shared/statement.js'
import type { Target } from '../shared/target.js'
import { type CheckedConnection, type ConnectionInput, checkConnection } from './connection-input.js'

/** How a receiver's own count must agree with the producer's before anything is committed. */
export type RowCountRule = 'equal' | 'at-most' | 'any'

/** What the manager gives to a receiver that is to take part. */
export interface ReceiverContext {
  /** Milliseconds that connecting may take; 0 for no limit. */
  readonly connectMs: number
  /** Server settings that the caller of the copy wants at both ends. */
  readonly session: SessionSettings
}

/** Where a receiver lives: a worker thread, made from plain data, or the main thread. */
export type Placement =
  | { readonly thread: 'worker'; readonly plan: ReceiverPlan }
  | { readonly thread: 'main'; readonly makeTarget: () => Target }

/** Where rows go. One manager at a time. To write your own, extend it and `place` a Target on the main thread. */
export abstract class Receiver {
  /** For messages, stats and outcomes; the manager numbers those that were given none. */
  name: string | undefined
  readonly rowCount: RowCountRule = 'equal'
  /** After the end: rows by this receiver's own count; undefined where it has none. */
  count: number | undefined
  /** After the end: the server's command tag, such as `COPY 3`. */
  command: string | undefined

  constructor(name?: string) {
    this.name = name
  }

  /** Called by the manager once, on the main thread. A rejection is this receiver's fault. */
  abstract place(context: ReceiverContext): Promise<Placement>
}

export interface StatementReceiverOptions {
  /** Where the target is: a URL, a libpq keyword string, or a pg.ClientConfig. */
  readonly connection: ConnectionInput
  /** One `COPY … FROM STDIN`, of the same format as the producer's. */
  readonly statement: string
  readonly name?: string
  /** SQL to run in the receiver's transaction before the COPY, such as `TRUNCATE events`. */
  readonly before?: readonly string[]
  /** SQL to run in the receiver's transaction after the COPY. */
  readonly after?: readonly string[]
  /** `equal` unless given: as many rows as the producer; `at-most` where triggers or WHERE may drop some. */
  readonly rowCount?: RowCountRule
  /** Server settings on this connection; they win over those of the copy. */
  readonly session?: SessionSettings
}

const ROW_COUNT_RULES = ['equal', 'at-most', 'any']

/** Loads by `COPY … FROM STDIN` in a worker thread, on a connection and in a transaction of its own. */
export class StatementReceiver extends Receiver {
  override readonly rowCount: RowCountRule
  readonly statement: string
  readonly #connection: CheckedConnection
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
    this.#connection = checkConnection(options.connection, `${where}.connection`)
    this.#options = options
  }

  async place(context: ReceiverContext): Promise<Placement> {
    const { before = [], after = [] } = this.#options
    const connection = await this.#connection.resolve()
    const settings = { ...context.session, ...this.#settings }
    const { statement } = this
    const { connectMs } = context
    return {
      thread: 'worker',
      plan: { kind: 'statement', connection, statement, before, after, settings, connectMs },
    }
  }
}

export interface CallReceiverOptions {
  readonly name?: string
  /** Lends the slot itself instead of a private copy: valid only until the returned promise settles. */
  readonly zeroCopy?: boolean
  /** With a module URL: the name of the export to call; `default` unless given. */
  readonly exportName?: string
}

/**
 * Hands each slice to a function: a function on the main thread, or the export of a module, given by its URL, in a
 * worker thread. The next slice comes when what it returned has settled; what it throws is this receiver's fault.
 */
export class CallReceiver extends Receiver {
  readonly #call: SliceCallable | URL | string
  readonly #options: CallReceiverOptions

  /** @throws CopyError COPY_OPTION when it is neither a function nor a URL */
  constructor(call: SliceCallable | URL | string, options: CallReceiverOptions = {}) {
    super(options.name)
    if (typeof call !== 'function' && !URL.canParse(String(call))) {
      throw new CopyError(
        'COPY_OPTION',
        'a CallReceiver takes a function, or the URL of a module, such as new URL("./load.js", import.meta.url)',
      )
    }
    this.#call = call
    this.#options = options
  }

  async place(): Promise<Placement> {
    const { zeroCopy = false, exportName = 'default' } = this.#options
    const call = this.#call
    if (typeof call === 'function')
      return { thread: 'main', makeTarget: () => new CallTarget(call, zeroCopy) }
    return { thread: 'worker', plan: { kind: 'module', url: String(call), exportName, zeroCopy } }
  }
}

/** Discards everything, in a worker thread: for tests, and to measure what the rest costs. */
export class NullReceiver extends Receiver {
  async place(): Promise<Placement> {
    return { thread: 'worker', plan: { kind: 'null' } }
  }
}
