import type pg from 'pg'
import { abortable, settlesWithin, withDeadline } from '../../shared/async/deadline.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import { beginTransaction, type SessionSettings } from '../../shared/session/session-settings.js'
import { startTimeout } from '../../shared/session/step-deadlines.js'
import { ClientSession } from './client-session.js'

/** SQLSTATE of the server's warning about a BEGIN inside a transaction. */
const ACTIVE_TRANSACTION = '25001'

/** A client of a user's pool, checked out for the time of a copy, in a transaction of ours. */
export class PooledClient {
  readonly client: pg.PoolClient & pg.Client
  #isHeld = true
  #isInTransaction = false

  private constructor(client: pg.PoolClient) {
    this.client = client as pg.PoolClient & pg.Client
  }

  /**
   * Checks a client out. A client that comes too late goes back to the pool at once.
   * @param connectMs 0 for no limit
   * @throws CopyError COPY_CONNECT when the pool cannot connect, or has no client free within `connectMs`; the reason of
   *   the signal
   */
  static async borrow(pool: pg.Pool, connectMs: number, signal: AbortSignal): Promise<PooledClient> {
    signal.throwIfAborted()
    const coming = pool.connect()
    const late = (): CopyError => {
      const message = `the pg.Pool had no client free within ${connectMs} ms (deadlines.connect)`
      return new CopyError('COPY_CONNECT', message, { phase: 'connect' })
    }
    try {
      return new PooledClient(await abortable(withDeadline(coming, connectMs, late), signal))
    } catch (cause) {
      coming.then(
        (client) => client.release(),
        () => undefined,
      )
      signal.throwIfAborted()
      if (cause instanceof CopyError) throw cause
      const message = `the pg.Pool could not connect a client: ${messageOf(cause)}`
      throw new CopyError('COPY_CONNECT', message, { phase: 'connect', cause })
    }
  }

  /**
   * Begins a transaction with the settings that a copy needs. The settings end with the transaction.
   * @param startMs 0 for no limit
   */
  begin(sql: string, settings: SessionSettings, startMs: number): Promise<void> {
    const late = (): CopyError => startTimeout("the server of the pool's client", startMs)
    return withDeadline(this.#begin(sql, settings), startMs, late)
  }

  async #begin(sql: string, settings: SessionSettings): Promise<void> {
    // by the last ReadyForQuery, since the server need not send a notice; an older pg does not have the method
    let isWithin = /[TE]/.test(this.client.getTransactionStatus?.() ?? '')
    const session = new ClientSession(this.client, (event) => {
      if (event.type === 'notice' && event.code === ACTIVE_TRANSACTION) isWithin = true
    })
    this.#isInTransaction = true
    try {
      if (isWithin) throw inTransaction()
      await beginTransaction(session, sql, settings)
      if (isWithin) throw inTransaction()
    } finally {
      await session.close(0)
    }
  }

  /** The transaction was committed or rolled back. */
  transactionEnded(): void {
    this.#isInTransaction = false
  }

  /**
   * Rolls back what is open and releases the client to the pool, once. A client that does not answer in time is removed
   * from the pool.
   */
  async release(deadlineMs: number): Promise<void> {
    if (!this.#isHeld) return
    this.#isHeld = false
    const { client } = this
    const { stream } = client.connection
    // without a listener, the loss of the connection would end the process
    client.on('error', ignore)
    const isUsable = !stream.destroyed && (!this.#isInTransaction || (await this.#rollBack(deadlineMs)))
    if (isUsable) client.off('error', ignore)
    else stream.destroy()
    client.release(!isUsable)
  }

  /** @returns whether that worked */
  async #rollBack(deadlineMs: number): Promise<boolean> {
    let isDone = false
    const rolledBack = this.client.query('ROLLBACK').then(() => {
      isDone = true
    })
    await settlesWithin(rolledBack, deadlineMs)
    return isDone
  }
}

const inTransaction = (): CopyError => {
  const why = 'somebody released it to the pool without COMMIT or ROLLBACK'
  return new CopyError('COPY_STATE', `the pool's client is in a transaction already: ${why}`, {
    phase: 'start',
  })
}

const ignore = (): void => undefined
