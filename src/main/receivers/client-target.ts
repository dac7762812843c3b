import type pg from 'pg'
import { Budget } from '../../shared/async/budget.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import { CopyError } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'
import type { CopyInPlan } from '../../shared/session/copy-in.js'
import type { CopyInTransaction } from '../../shared/session/copy-in-transaction.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import { ClientSession } from '../clients/client-session.js'
import { clientTransaction, MAX_IN_FLIGHT } from './client-transaction.js'

export interface ClientTargetPlan extends CopyInPlan {
  readonly client: pg.Client
}

/** A `COPY … FROM STDIN` on a user's client, inside the user's transaction. */
export class ClientTarget implements Target {
  readonly redelivers = false
  readonly maxInFlight = MAX_IN_FLIGHT
  readonly #plan: ClientTargetPlan
  readonly #event: (event: ServerEvent) => void
  #transaction: CopyInTransaction | undefined

  constructor(plan: ClientTargetPlan, event: (event: ServerEvent) => void = () => undefined) {
    this.#plan = plan
    this.#event = event
  }

  get failed(): Promise<never> {
    return this.#transaction?.failed ?? new Promise(() => undefined)
  }

  get phase(): CopyPhase {
    return this.#transaction?.phase ?? 'start'
  }

  async open(): Promise<void> {
    if (this.#transaction !== undefined) {
      const why = "what it did lies in your client's transaction, which is not ours to begin again"
      throw new CopyError('COPY_STATE', `a receiver with a client takes part in one pass: ${why}`, {
        phase: 'start',
      })
    }
    const plan = this.#plan
    const session = new ClientSession(plan.client, this.#event)
    const prepare = (): Promise<void> => requireTransaction(session)
    const stop = new AbortController()
    this.#transaction = clientTransaction(session, { plan, owned: false, prepare, stop })
    await this.#transaction.start(Budget.of(plan.startMs))
  }

  send(slice: RingSlice, sent: () => void): void {
    this.#current.send(slice.frame, sent)
  }

  async complete(): Promise<Completion> {
    return { ...(await this.#current.complete()), commits: false }
  }

  /** The transaction is the user's. */
  async commit(): Promise<void> {}

  /** Leaves the transaction failed, or as it is when the COPY is over, and the client at a message boundary. */
  async abort(reason: string, deadlineMs: number): Promise<boolean> {
    return (await this.#transaction?.abort(reason, deadlineMs)) ?? true
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#transaction?.close(deadlineMs)
  }

  /** The transaction of the open pass. */
  get #current(): CopyInTransaction {
    return this.#transaction as CopyInTransaction
  }
}

const requireTransaction = async (session: ClientSession): Promise<void> => {
  const { status } = await session.check('receiver')
  if (status === 'T') return
  const why = 'rows that it loads would be visible before the copy is complete'
  throw new CopyError(
    'COPY_STATE',
    `the receiver's pg.Client is not in a transaction: BEGIN first, or ${why}`,
    { phase: 'start' },
  )
}
