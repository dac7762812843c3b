import type { RingTicket } from '../../shared/ring/reader.js'
import type { Report } from '../../shared/runner/receiver-runner.js'
import type { ReceiverLink } from '../links/link.js'
import { LocalLink } from '../links/local-link.js'
import { WorkerLink } from '../links/worker-link.js'
import type { WorkerPool } from '../links/worker-pool.js'
import type { Placement } from '../receivers/receiver.js'

/** Makes the link to a receiver's runner. `heard` gets each report of the runner. */
export type MakeLink = (heard: (report: Report) => void) => ReceiverLink

/**
 * How to reach a receiver at the place that it asked for: the main thread, or a worker thread of the pool.
 * @param silentMs how long a worker thread may show no sign of life; 0 for no limit
 */
export const linkMaker =
  (placement: Placement, ticket: RingTicket, pool: WorkerPool, silentMs: number): MakeLink =>
  (heard) =>
    placement.thread === 'main'
      ? new LocalLink(placement.makeTarget, ticket, heard, placement.server)
      : new WorkerLink(placement.plan, ticket, pool, silentMs, heard)
