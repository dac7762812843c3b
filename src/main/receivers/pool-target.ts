import type pg from 'pg'
import { settlesWithin, withDeadline } from '../../shared/async/deadline.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import { CopyError } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { SessionSettings } from '../../shared/session/session-settings.js'
import { finishTimeout } from '../../shared/session/step-deadlines.js'
import type { ClientSession } from '../clients/client-session.js'
import { PooledClient } from '../clients/pooled-client.js'
import { ClientTarget, type ClientTargetPlan } from './client-target.js'

export interface PoolTargetPlan extends Omit<ClientTargetPlan, 'client'> {
  readonly pool: pg.Pool
  readonly settings: SessionSettings
}

/** A `COPY … FROM STDIN` on a client of a user's pool, in a transaction of ours. */
export class PoolTarget implements Target {
  readonly redelivers = false
  readonly maxInFlight = 1
  readonly #plan: PoolTargetPlan
  readonly #event: (event: ServerEvent) => void
  #pooled: PooledClient | undefined
  #target: ClientTarget | undefined
  #beginning: Promise<void> = Promise.resolve()
  #stop = new AbortController()
  #isCommitting = false
  /** What is left of the time to finish. */
  #leftMs = 0
  #failed: Promise<never> = new Promise(() => undefined)
  #phase: CopyPhase = 'connect'

  constructor(plan: PoolTargetPlan, event: (event: ServerEvent) => void = () => undefined) {
    this.#plan = plan
    this.#event = event
  }

  get failed(): Promise<never> {
    return this.#failed
  }

  get phase(): CopyPhase {
    return this.#phase
  }

  async open(): Promise<void> {
    this.#phase = 'connect'
    this.#isCommitting = false
    this.#stop = new AbortController()
    const { signal } = this.#stop
    this.#target = undefined
    const beginning = this.#begin(signal)
    this.#beginning = beginning.then(
      () => undefined,
      () => undefined,
    )
    const target = await beginning
    signal.throwIfAborted()
    await target.open()
  }

  send(slice: RingSlice, sent: () => void): void {
    this.#target?.send(slice, sent)
  }

  async complete(): Promise<Completion> {
    const target = this.#target as ClientTarget
    const { finishMs } = this.#plan
    const began = performance.now()
    const completion = await target.complete()
    const session = target.session as ClientSession
    const asking = session.query('SELECT pg_catalog.pg_current_xact_id()::text', 'complete')
    const leftMs = finishMs && Math.max(1, finishMs - (performance.now() - began))
    const rows = await withDeadline(asking, leftMs, () => {
      session.destroy()
      return finishTimeout(session.server, finishMs)
    })
    this.#leftMs = finishMs && Math.max(1, finishMs - (performance.now() - began))
    const transactionId = rows?.[0]?.[0]
    return { ...completion, commits: true, ...(transactionId && { transactionId }) }
  }

  async commit(): Promise<void> {
    this.#isCommitting = true
    const session = this.#target?.session as ClientSession
    const { finishMs } = this.#plan
    const tag = await withDeadline(session.command('COMMIT', 'commit'), this.#leftMs, () => {
      const why = `COMMIT was not answered within ${finishMs} ms of finishing (deadlines.finish)`
      session.destroy()
      return session.fault(new Error(why), 'commit')
    })
    this.#pooled?.committed()
    if (tag === 'COMMIT') return
    throw new CopyError('COPY_COMMIT', `the server answered COMMIT with ${tag || 'nothing'}`, {
      phase: 'commit',
    })
  }

  async abort(reason: string, deadlineMs: number): Promise<boolean> {
    this.#stop.abort()
    // it is borrowing, which the signal ends, or setting up its transaction, which is short or the server is gone
    const isBegun = await settlesWithin(this.#beginning, deadlineMs)
    const isAligned = isBegun && ((await this.#target?.abort(reason, deadlineMs)) ?? true)
    await this.#giveBack(isBegun ? deadlineMs : 0)
    return isAligned
  }

  async end(deadlineMs: number): Promise<void> {
    await this.#giveBack(deadlineMs)
  }

  async #begin(signal: AbortSignal): Promise<ClientTarget> {
    const { pool, settings, ...plan } = this.#plan
    const { connectMs, startMs } = plan
    const pooled = await PooledClient.borrow(pool, connectMs, signal)
    this.#pooled = pooled
    this.#phase = 'start'
    await pooled.begin('BEGIN', settings, startMs)
    signal.throwIfAborted()
    const target = new ClientTarget({ ...plan, client: pooled.client }, this.#event)
    this.#target = target
    this.#failed = new Promise((_, reject) => {
      // a connection that is lost while it commits is COMMIT's own failure, which leaves its outcome open
      target.failed.catch((error) => this.#isCommitting || reject(error))
    })
    this.#failed.catch(() => undefined)
    return target
  }

  async #giveBack(deadlineMs: number): Promise<void> {
    const pooled = this.#pooled
    const target = this.#target
    this.#pooled = undefined
    await target?.end(deadlineMs)
    await pooled?.giveBack(deadlineMs)
  }
}
