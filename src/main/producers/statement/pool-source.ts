import type pg from 'pg'
import { settlesWithin } from '../../../shared/async/deadline.js'
import type { SessionSettings } from '../../../shared/session/session-settings.js'
import type { ClientSession } from '../../clients/client-session.js'
import { PooledClient } from '../../clients/pooled-client.js'
import type { ProducerContext } from '../producer.js'
import { ClientSource } from './client-source.js'
import type { Feed, Source } from './source.js'

/** A client of a user's pool, in a read-only transaction of ours with one snapshot for all passes. */
export class PoolSource implements Source {
  readonly canRepeat = true
  readonly #pool: pg.Pool
  readonly #settings: SessionSettings
  #context: ProducerContext | undefined
  #pooled: PooledClient | undefined
  #source: ClientSource | undefined
  #beginning: Promise<unknown> = Promise.resolve()
  readonly #stop = new AbortController()

  constructor(pool: pg.Pool, settings: SessionSettings) {
    this.#pool = pool
    this.#settings = settings
  }

  async open(context: ProducerContext): Promise<void> {
    this.#context = context
  }

  begin(feed: Feed): Promise<ClientSession> {
    const beginning = this.#begin(feed)
    this.#beginning = beginning.catch(() => undefined)
    return beginning
  }

  release(): void {
    this.#source?.release()
  }

  /** Ends the wait for a client. */
  cancel(): void {
    this.#stop.abort()
  }

  async close(deadlineMs: number): Promise<void> {
    this.cancel()
    const isBegun = await settlesWithin(this.#beginning, deadlineMs)
    await this.#source?.close(deadlineMs)
    await this.#pooled?.release(isBegun ? deadlineMs : 0)
  }

  async #begin(feed: Feed): Promise<ClientSession> {
    const context = this.#context as ProducerContext
    if (this.#source === undefined) {
      const pooled = await PooledClient.borrow(this.#pool, context.connectMs, this.#stop.signal)
      this.#pooled = pooled
      feed.connected()
      const settings = { ...context.session, ...this.#settings }
      await pooled.begin('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', settings, context.startMs)
      const source = new ClientSource(pooled.client)
      await source.open(context)
      this.#source = source
    }
    return this.#source.begin(feed)
  }
}
