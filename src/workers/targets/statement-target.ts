import { Budget } from '../../shared/async/budget.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import type { WaitDiagnosis } from '../../shared/liveness/slowness.js'
import type { Completion, ReceiverPlan } from '../../shared/messages/messages.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'
import { readBackendActivity } from '../../shared/session/backend-activity.js'
import { CopyInTransaction, LAST_WORDS_MS } from '../../shared/session/copy-in-transaction.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import { Session } from '../../shared/session/session.js'
import { beginTransaction } from '../../shared/session/session-settings.js'

/** Slots in flight to one server: enough that the socket never runs dry, few enough that a slow server holds little. */
const MAX_IN_FLIGHT = 4

type StatementPlan = Extract<ReceiverPlan, { kind: 'statement' }>

/** A `COPY … FROM STDIN` on a connection of its own, in a transaction of its own. */
export class StatementTarget implements Target {
  readonly redelivers = false
  readonly maxInFlight = MAX_IN_FLIGHT
  readonly #plan: StatementPlan
  readonly #event: (event: ServerEvent) => void
  #session: Session | undefined
  #transaction: CopyInTransaction | undefined
  #stop = new AbortController()
  /** Settles when there is a transaction, or connecting has failed. */
  #connecting: Promise<unknown> = Promise.resolve()

  constructor(plan: StatementPlan, event: (event: ServerEvent) => void) {
    this.#plan = plan
    this.#event = event
  }

  get failed(): Promise<never> {
    return this.#transaction?.failed ?? new Promise(() => undefined)
  }

  get phase(): CopyPhase {
    return this.#transaction?.phase ?? 'connect'
  }

  async open(): Promise<void> {
    const connecting = this.#connect()
    this.#connecting = connecting.catch(() => undefined)
    const transaction = await connecting
    await transaction.start(Budget.of(this.#plan.startMs))
  }

  async #connect(): Promise<CopyInTransaction> {
    const last = this.#transaction
    const stop = new AbortController()
    this.#stop = stop
    this.#session = undefined
    this.#transaction = undefined
    // a further pass begins on a new connection, after the connection of the last pass is closed
    await last?.close(LAST_WORDS_MS)
    const { connection, connectMs, settings } = this.#plan
    const session = await Session.open(connection, { connectMs, signal: stop.signal })
    session.onServerEvent(this.#event)
    this.#session = session
    this.#transaction = new CopyInTransaction({
      session,
      plan: this.#plan,
      owned: true,
      prepare: () => beginTransaction(session, 'BEGIN', settings),
      submit: (statement) => session.copy(statement, 'simple'),
      // header and payload in one write, from the memory of the ring
      write: (frame, written) => session.socket.write(frame, written),
      stop,
    })
    return this.#transaction
  }

  send(slice: RingSlice, sent: () => void): void {
    this.#current.send(slice.frame, sent)
  }

  async complete(): Promise<Completion> {
    return { ...(await this.#current.complete()), commits: true }
  }

  commit(): Promise<void> {
    return this.#current.commit()
  }

  async abort(reason: string, deadlineMs: number): Promise<boolean> {
    // the signal ends an attempt to connect; until that has settled, a session may still appear
    this.#stop.abort()
    await this.#connecting
    return (await this.#transaction?.abort(reason, deadlineMs)) ?? true
  }

  async close(deadlineMs: number): Promise<void> {
    this.#stop.abort()
    await this.#transaction?.close(deadlineMs)
  }

  async diagnose(): Promise<WaitDiagnosis | 'gone' | undefined> {
    const session = this.#session
    if (session === undefined) return undefined
    const { connection, connectMs } = this.#plan
    return readBackendActivity(session, connection, { connectMs, signal: this.#stop.signal })
  }

  /** The transaction of the open pass. */
  get #current(): CopyInTransaction {
    return this.#transaction as CopyInTransaction
  }
}
