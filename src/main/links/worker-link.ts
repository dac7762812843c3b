import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { fromErrorRecord } from '../../shared/errors/error-record.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import { makeHeartbeat } from '../../shared/liveness/heartbeat.js'
import { checkReport } from '../../shared/messages/message-validation.js'
import type { ReceiverCommand, ReceiverPlan, ReceiverReport } from '../../shared/messages/messages.js'
import type { RingTicket } from '../../shared/ring/reader.js'
import { directAccess, type ServerAccess } from '../access/server-access.js'
import type { LinkListener, ReceiverLink, RunnerEnd } from './link.js'
import { watchThread } from './watchdog.js'
import type { WorkerPool } from './worker-pool.js'

/** A runner in a worker thread: commands and reports travel by one MessagePort, errors as records. */
export class WorkerLink implements ReceiverLink {
  readonly over: Promise<RunnerEnd>
  readonly #port: MessagePort
  readonly #listener: LinkListener
  readonly #plan: ReceiverPlan
  readonly #pool: WorkerPool
  readonly #silentMs: number
  readonly #heartbeat = makeHeartbeat()
  readonly #killer = new AbortController()
  #exited: Promise<void> = Promise.resolve()
  #unwatch: () => void = () => undefined
  #isFaultReported = false

  /** @param silentMs how long the thread may stand still, in milliseconds; 0 for no limit */
  constructor(
    plan: ReceiverPlan,
    ticket: RingTicket,
    pool: WorkerPool,
    silentMs: number,
    listener: LinkListener,
  ) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#plan = plan
    this.#pool = pool
    this.#silentMs = silentMs
    this.#listener = listener
    port1.on('message', this.#received)
    this.over = this.#run({ port: port2, ticket, plan, beat: this.#heartbeat })
  }

  get server(): ServerAccess | undefined {
    return this.#plan.kind === 'statement' ? directAccess(this.#plan.connection) : undefined
  }

  send(command: ReceiverCommand): void {
    try {
      this.#port.postMessage(command)
    } catch (cause) {
      // a runner that does not get its commands would hold its slots and its thread for ever
      this.#reportFault(
        `the command ${command.type} could not be sent to the worker thread: ${messageOf(cause)}`,
        cause,
      )
      this.kill()
    }
  }

  kill(): void {
    this.#killer.abort()
  }

  readonly #received = (message: unknown): void => {
    let report: ReceiverReport
    try {
      report = checkReport(message)
    } catch (cause) {
      this.#listener.reported({ type: 'fault', cause, resumable: false })
      return
    }
    if (report.type === 'started') {
      this.#exited = this.#pool.exited(report.threadId)
      this.#unwatch = watchThread(this.#heartbeat, this.#silentMs, () => this.#killSilent())
    }
    if (report.type !== 'fault') this.#listener.reported(report)
    else {
      const { error, resumable } = report
      this.#listener.reported({ type: 'fault', cause: fromErrorRecord(error), resumable })
    }
  }

  async #run(task: {
    port: MessagePort
    ticket: RingTicket
    plan: ReceiverPlan
    beat: Int32Array
  }): Promise<RunnerEnd> {
    try {
      await this.#pool.run(task, this.#killer.signal)
      return 'ended'
    } catch (cause) {
      // the thread is ending, not ended: until it has, its sockets may still read from the ring
      await this.#exited
      this.#reportFault(`the worker thread ended: ${messageOf(cause)}`, cause)
      return 'killed'
    } finally {
      this.#unwatch()
      this.#port.close()
    }
  }

  /** Reports the fault now, not at the thread's exit: a thread in a call that blocks exits only when that call returns. */
  #killSilent(): void {
    this.#reportFault(
      `the worker thread stood still for ${this.#silentMs} ms and was ended; a function that computes for longer without a pause needs a larger deadlines.thread`,
    )
    this.kill()
  }

  #reportFault(message: string, cause?: unknown): void {
    if (this.#isFaultReported) return
    this.#isFaultReported = true
    const fault = new CopyError('COPY_WORKER', message, { cause })
    this.#listener.reported({ type: 'fault', cause: fault, resumable: false })
  }
}
