import { type MessagePort, threadId } from 'node:worker_threads'
import { toErrorRecord } from '../shared/errors/error-record.js'
import { startHeartbeat } from '../shared/liveness/heartbeat.js'
import { checkCommand } from '../shared/messages/message-validation.js'
import type { ReceiverPlan, ReceiverReport } from '../shared/messages/messages.js'
import { RingReader, type RingTicket } from '../shared/ring/reader.js'
import { ReceiverRunner, type Report } from '../shared/runner/receiver-runner.js'
import { makeTarget } from './targets/make-target.js'

/** One task of the pool: one receiver's whole life. */
export interface ReceiverTask {
  readonly port: MessagePort
  readonly ticket: RingTicket
  readonly plan: ReceiverPlan
  /** The heartbeat: a timer of the thread counts this cell up, so that main sees that the thread is not blocked. */
  readonly beat: Int32Array
}

/** The worker's entry, called by the pool. Resolves when main has sent `close` and all resources are released. */
export default async function receiverWorker({ port, ticket, plan, beat }: ReceiverTask): Promise<void> {
  const post = (report: ReceiverReport): void => port.postMessage(report)
  const report = (report: Report): void => {
    if (report.type !== 'fault') post(report)
    else post({ type: 'fault', error: toErrorRecord(report.cause), resumable: report.resumable })
  }
  const endBeat = startHeartbeat(beat)
  post({ type: 'started', threadId })
  try {
    const life = new ReceiverRunner(
      () => makeTarget(plan, (event) => post({ type: 'event', event })),
      (sequence) => new RingReader(ticket, sequence),
      report,
    )
    port.on('message', (message: unknown) => {
      try {
        life.handle(checkCommand(message))
      } catch (cause) {
        report({ type: 'fault', cause, resumable: false })
      }
    })
    await life.over
  } finally {
    endBeat()
    port.close()
  }
}
