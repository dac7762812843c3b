import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { fromErrorRecord } from '../../shared/errors/error-record.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import { makeHeartbeat } from '../../shared/liveness/heartbeat.js'
import { checkReport } from '../../shared/messages/message-validation.js'
import type { ReceiverCommand, ReceiverPlan, ReceiverReport } from '../../shared/messages/messages.js'
import type { RingTicket } from '../../shared/ring/reader.js'
import type { Report } from '../../shared/runner/receiver-runner.js'
import { directAccess, type ServerAccess } from '../access/server-access.js'
import type { ReceiverLink, RunnerEnd } from './link.js'
import { watchThread } from './watchdog.js'
import type { WorkerPool } from './worker-pool.js'

/** A life in a worker thread: commands and reports travel by one MessagePort, errors as records. */
export class WorkerLink implements ReceiverLink {
  readonly over: Promise<RunnerEnd>
  readonly #port: MessagePort
  readonly #heard: (report: Report) => void
  readonly #plan: ReceiverPlan
  readonly #killer = new AbortController()
  #exited: Promise<void> = Promise.resolve()
  #unwatch: () => void = () => undefined
  #isFaultTold = false

  /** @param silentMs how long the thread may stand still; 0 for as long as it likes */
  constructor(
    plan: ReceiverPlan,
    ticket: RingTicket,
    pool: WorkerPool,
    silentMs: number,
    heard: (report: Report) => void,
  ) {
    const { port1, port2 } = new MessageChannel()
    const beat = makeHeartbeat()
    this.#port = port1
    this.#plan = plan
    this.#heard = heard
    port1.on('message', (message: unknown) => this.#hear(message, pool, beat, silentMs))
    this.over = this.#live(pool, { port: port2, ticket, plan, beat })
  }

  get server(): ServerAccess | undefined {
    return this.#plan.kind === 'statement' ? directAccess(this.#plan.connection) : undefined
  }

  send(command: ReceiverCommand): void {
    try {
      this.#port.postMessage(command)
    } catch (cause) {
      // a life that does not hear what it is told cannot be left to itself
      this.#tellFault(`the worker thread could not be told to ${command.type}: ${messageOf(cause)}`, cause)
      this.kill()
    }
  }

  kill(): void {
    this.#killer.abort()
  }

  #hear(message: unknown, pool: WorkerPool, beat: Int32Array, silentMs: number): void {
    let report: ReceiverReport
    try {
      report = checkReport(message)
    } catch (cause) {
      this.#heard({ type: 'fault', cause, resumable: false })
      return
    }
    if (report.type === 'started') {
      this.#exited = pool.exited(report.threadId)
      this.#unwatch = watchThread(beat, silentMs, () => this.#endSilent(silentMs))
    }
    if (report.type !== 'fault') this.#heard(report)
    else this.#heard({ type: 'fault', cause: fromErrorRecord(report.error), resumable: report.resumable })
  }

  async #live(
    pool: WorkerPool,
    task: { port: MessagePort; ticket: RingTicket; plan: ReceiverPlan; beat: Int32Array },
  ): Promise<RunnerEnd> {
    try {
      await pool.run(task, this.#killer.signal)
      return 'ended'
    } catch (cause) {
      // the thread is ending, not ended: until it has, its sockets may still read from the ring
      await this.#exited
      this.#tellFault(`the worker thread ended: ${messageOf(cause)}`, cause)
      return 'killed'
    } finally {
      this.#unwatch()
      this.#port.close()
    }
  }

  /** Told at once, and not when the thread has exited: one that waits in a call that blocks exits when that returns. */
  #endSilent(silentMs: number): void {
    this.#tellFault(
      `the worker thread stood still for ${silentMs} ms and was ended; a function that computes for longer without a pause needs a larger deadlines.thread`,
    )
    this.kill()
  }

  #tellFault(message: string, cause?: unknown): void {
    if (this.#isFaultTold) return
    this.#isFaultTold = true
    this.#heard({ type: 'fault', resumable: false, cause: new CopyError('COPY_WORKER', message, { cause }) })
  }
}
