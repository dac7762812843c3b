import type { RingTicket } from '../../shared/ring/reader.js'
import type { LinkListener, ReceiverLink } from '../links/link.js'
import { LocalLink } from '../links/local-link.js'
import { WorkerLink } from '../links/worker-link.js'
import type { WorkerPool } from '../links/worker-pool.js'
import type { Placement } from '../receivers/receiver.js'

/** Where a receiver's runner lives: on the main thread, or in a worker thread of the pool. */
export interface RunnerPlace {
  /** Starts a runner there. */
  link(ticket: RingTicket, listener: LinkListener): ReceiverLink
}

/** The place that a receiver asked for. */
export class PlannedPlace implements RunnerPlace {
  readonly #placement: Placement
  readonly #pool: WorkerPool
  readonly #silentMs: number

  /** @param silentMs how long a worker thread may show no sign of life, in milliseconds; 0 for no limit */
  constructor(placement: Placement, pool: WorkerPool, silentMs: number) {
    this.#placement = placement
    this.#pool = pool
    this.#silentMs = silentMs
  }

  /** How many threads of the pool the runner takes. */
  get threads(): number {
    return this.#placement.thread === 'worker' ? 1 : 0
  }

  link(ticket: RingTicket, listener: LinkListener): ReceiverLink {
    return this.#placement.thread === 'main'
      ? new LocalLink(this.#placement.makeTarget, ticket, listener, this.#placement.server)
      : new WorkerLink(this.#placement.plan, ticket, this.#pool, this.#silentMs, listener)
  }
}
