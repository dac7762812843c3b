import type pg from 'pg'
import { Budget } from '../../shared/async/budget.js'
import { settlesWithin } from '../../shared/async/deadline.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import type { Completion } from '../../shared/messages/messages.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'
import { untilIdle } from '../../shared/session/client-idle.js'
import type { CopyInPlan } from '../../shared/session/copy-in.js'
import { type CopyInTransaction, LAST_WORDS_MS } from '../../shared/session/copy-in-transaction.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { SessionSettings } from '../../shared/session/session-settings.js'
import { ClientSession } from '../clients/client-session.js'
import { PooledClient } from '../clients/pooled-client.js'
import { clientTransaction, MAX_IN_FLIGHT } from './client-transaction.js'

export interface PoolTargetPlan extends CopyInPlan {
  readonly pool: pg.Pool
  readonly settings: SessionSettings
}

/** A `COPY … FROM STDIN` on a client of a user's pool, in a transaction of ours. */
export class PoolTarget implements Target {
  readonly redelivers = false
  readonly maxInFlight = MAX_IN_FLIGHT
  readonly #plan: PoolTargetPlan
  readonly #event: (event: ServerEvent) => void
  #pooled: PooledClient | undefined
  #transaction: CopyInTransaction | undefined
  #stop = new AbortController()
  /** Settles when there is a transaction, or there will be none. */
  #beginning: Promise<unknown> = Promise.resolve()
  /** Settles when the client is released that was borrowed last. */
  #releasing: Promise<void> = Promise.resolve()

  constructor(plan: PoolTargetPlan, event: (event: ServerEvent) => void = () => undefined) {
    this.#plan = plan
    this.#event = event
  }

  get failed(): Promise<never> {
    return this.#transaction?.failed ?? new Promise(() => undefined)
  }

  get phase(): CopyPhase {
    return this.#transaction?.phase ?? (this.#pooled === undefined ? 'connect' : 'start')
  }

  async open(): Promise<void> {
    this.#stop = new AbortController()
    this.#transaction = undefined
    const beginning = this.#begin(this.#stop)
    this.#beginning = beginning.catch(() => undefined)
    const budget = await beginning
    await this.#current.start(budget)
  }

  /** @returns what is left of the time to start */
  async #begin(stop: AbortController): Promise<Budget> {
    const { pool, settings, connectMs, startMs } = this.#plan
    const pooled = await PooledClient.borrow(pool, connectMs, stop.signal)
    this.#pooled = pooled
    const budget = Budget.of(startMs)
    await pooled.begin('BEGIN', settings, startMs)
    stop.signal.throwIfAborted()
    const session = new ClientSession(pooled.client, this.#event)
    const prepare = async (): Promise<void> => {
      await session.check('receiver')
    }
    this.#transaction = clientTransaction(session, { plan: this.#plan, owned: true, prepare, stop })
    return budget
  }

  send(slice: RingSlice, sent: () => void): void {
    this.#current.send(slice.frame, sent)
  }

  async complete(): Promise<Completion> {
    return { ...(await this.#current.complete()), commits: true }
  }

  async commit(): Promise<void> {
    const transaction = this.#current
    const { client } = this.#pooled as PooledClient
    try {
      await transaction.commit()
    } catch (error) {
      // another client of the pool is asked for the result, and may need this client's place in the pool
      untilIdle(client, transaction.closed).then(() => {
        if (this.#transaction === transaction) this.#release(LAST_WORDS_MS)
      })
      throw error
    }
  }

  async abort(reason: string, deadlineMs: number): Promise<boolean> {
    this.#stop.abort()
    // the signal ends borrowing; BEGIN takes a round trip, or the server is gone
    const isBegun = await settlesWithin(this.#beginning, deadlineMs)
    const isAligned = isBegun && ((await this.#transaction?.abort(reason, deadlineMs)) ?? true)
    await this.#release(isBegun ? deadlineMs : 0)
    return isAligned
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#release(deadlineMs)
  }

  async #release(deadlineMs: number): Promise<void> {
    const pooled = this.#pooled
    this.#pooled = undefined
    if (pooled !== undefined) this.#releasing = this.#releaseClient(pooled, deadlineMs)
    await this.#releasing
  }

  async #releaseClient(pooled: PooledClient, deadlineMs: number): Promise<void> {
    await this.#transaction?.close(deadlineMs)
    if (this.#transaction?.isEnded) pooled.transactionEnded()
    this.#transaction = undefined
    await pooled.release(deadlineMs)
  }

  /** The transaction of the open pass. */
  get #current(): CopyInTransaction {
    return this.#transaction as CopyInTransaction
  }
}
