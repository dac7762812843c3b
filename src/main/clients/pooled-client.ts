import type pg from 'pg'
import { abortable, settlesWithin, withDeadline } from '../../shared/async/deadline.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import { beginTransaction, type SessionSettings } from '../../shared/session/session-settings.js'
import { startTimeout } from '../../shared/session/step-deadlines.js'
import { ClientSession } from './client-session.js'

/** What a server says to a BEGIN inside a transaction. */
const ACTIVE_TRANSACTION = '25001'

/** A client of a user's pool, for as long as a copy needs it; in a transaction of ours. */
export class PooledClient {
  readonly client: pg.PoolClient & pg.Client
  #isHeld = true
  #isInTransaction = false

  private constructor(client: pg.PoolClient) {
    this.client = client as pg.PoolClient & pg.Client
  }

  /**
   * Checks a client out; one that comes too late goes back at once.
   * @throws CopyError COPY_CONNECT when the pool cannot connect, or has no client free within `connectMs`, 0 for no limit
   */
  static async borrow(pool: pg.Pool, connectMs: number, signal: AbortSignal): Promise<PooledClient> {
    signal.throwIfAborted()
    const coming = pool.connect()
    try {
      const inTime = connectMs === 0 || (await abortable(settlesWithin(coming, connectMs), signal))
      if (!inTime) throw new Error(`no client became free within ${connectMs} ms`)
      return new PooledClient(await abortable(coming, signal))
    } catch (cause) {
      coming.then(
        (client) => client.release(),
        () => undefined,
      )
      signal.throwIfAborted()
      throw new CopyError('COPY_CONNECT', `the pool gave no client: ${messageOf(cause)}`, {
        phase: 'connect',
        cause,
      })
    }
  }

  /**
   * Begins a transaction with the settings that a copy needs; none of them outlives it.
   * @param startMs 0 for no limit
   */
  begin(sql: string, settings: SessionSettings, startMs: number): Promise<void> {
    const late = (): CopyError => startTimeout("the server of the pool's client", startMs)
    return withDeadline(this.#begin(sql, settings), startMs, late)
  }

  async #begin(sql: string, settings: SessionSettings): Promise<void> {
    // as the server said last: it need not send a notice. An older pg does not tell
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
      await session.end(0)
    }
  }

  /** Its transaction is committed. */
  committed(): void {
    this.#isInTransaction = false
  }

  /** Gives the client back once, its transaction ended; one that does not answer in time is removed from the pool. */
  async giveBack(deadlineMs: number): Promise<void> {
    if (!this.#isHeld) return
    this.#isHeld = false
    const { client } = this
    const { stream } = client.connection
    // unheard, the loss of the connection would end the process
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
