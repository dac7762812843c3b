import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { fromErrorRecord } from '../shared/error-record.js'
import { CopyError, messageOf } from '../shared/errors.js'
import type { ReceiverCommand, ReceiverPlan, ReceiverReport } from '../shared/messages.js'
import { ReceiverLife, type Report } from '../shared/receiver-life.js'
import type { RingTicket } from '../shared/ring-reader.js'
import type { ServerEvent } from '../shared/server-events.js'
import type { Target } from '../shared/target.js'
import type { WorkerPool } from './worker-pool.js'

/** By itself, or by force. */
export type LifeEnd = 'ended' | 'killed'

/** Main's connection to a receiver's life, wherever that is lived. */
export interface ReceiverLink {
  send(command: ReceiverCommand): void
  /** Settles when the life is over and nothing of it can touch the ring any more. */
  readonly over: Promise<LifeEnd>
  /** Ends the life by force. `over` settles soon after. */
  kill(): void
}

/** A life on the main thread: what a user's function throws arrives as it was thrown. */
export class LocalLink implements ReceiverLink {
  readonly over: Promise<LifeEnd>
  readonly #life: ReceiverLife
  #kill: () => void = () => undefined

  constructor(
    makeTarget: (event: (event: ServerEvent) => void) => Target,
    ticket: RingTicket,
    heard: (report: Report) => void,
  ) {
    this.#life = new ReceiverLife(() => makeTarget((event) => heard({ type: 'event', event })), ticket, heard)
    const killed = new Promise<LifeEnd>((resolve) => {
      this.#kill = () => resolve('killed')
    })
    this.over = Promise.race([this.#life.over.then(() => 'ended' as const), killed])
  }

  send(command: ReceiverCommand): void {
    this.#life.obey(command)
  }

  kill(): void {
    this.#kill()
  }
}

/** A life in a worker thread: commands and reports travel by one MessagePort, errors as records. */
export class WorkerLink implements ReceiverLink {
  readonly over: Promise<LifeEnd>
  readonly #port: MessagePort
  readonly #heard: (report: Report) => void
  readonly #killer = new AbortController()
  #exited: Promise<void> = Promise.resolve()

  constructor(plan: ReceiverPlan, ticket: RingTicket, pool: WorkerPool, heard: (report: Report) => void) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#heard = heard
    port1.on('message', (report: ReceiverReport) => {
      if (report.type === 'started') this.#exited = pool.exited(report.threadId)
      if (report.type !== 'fault') this.#heard(report)
      else this.#heard({ type: 'fault', cause: fromErrorRecord(report.error), resumable: report.resumable })
    })
    this.over = this.#live(pool, { port: port2, ticket, plan })
  }

  send(command: ReceiverCommand): void {
    this.#port.postMessage(command)
  }

  kill(): void {
    this.#killer.abort()
  }

  async #live(
    pool: WorkerPool,
    task: { port: MessagePort; ticket: RingTicket; plan: ReceiverPlan },
  ): Promise<LifeEnd> {
    try {
      await pool.run(task, this.#killer.signal)
      return 'ended'
    } catch (cause) {
      // the thread is ending, not ended: until it has, its sockets may still read from the ring
      await this.#exited
      const message = messageOf(cause)
      this.#heard({
        type: 'fault',
        resumable: false,
        cause: new CopyError('COPY_WORKER', `the worker thread ended: ${message}`, { cause }),
      })
      return 'killed'
    } finally {
      this.#port.close()
    }
  }
}
