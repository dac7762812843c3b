import {
  CopyError,
  CopyManager,
  type CopyManagerOptions,
  IteratorProducer,
  type Outcome,
  type Producer,
  type Receiver,
  type ReceiverFault,
  StatementProducer,
  StatementReceiver,
} from '../../index.js'
import { FileReceiver } from '../files/file-receiver.js'
import { FileSource } from '../files/file-source.js'
import type { CopyPlan, ServerPlan } from '../plan/plan.js'
import { showProgress } from '../progress/progress.js'
import { type CopyEnd, outcomeOfLeftOut } from '../report/copy-end.js'
import type { Reporter } from '../report/reporter.js'
import { forOption } from '../request/check-connections.js'
import type { CopyRequest } from '../request/copy-request.js'
import type { Shell } from '../shell/shell.js'
import { messageOf } from '../text/message-of.js'
import { reportServerEvents } from './notices.js'

/**
 * Runs a copy as planned: shows its progress, reports faults when they happen, and gives files their final names.
 * @throws CopyError COPY_OPTION when a connection or statement cannot work, before anything is connected
 */
export const runCopy = async (plan: CopyPlan, shell: Shell, reporter: Reporter): Promise<CopyEnd> => {
  const { producer, file } = makeProducer(plan)
  const receivers = plan.targets.map((target) =>
    target.kind === 'file' ? new FileReceiver(target.path, target.name) : makeReceiver(target),
  )
  const manager = new CopyManager(producer, receivers, optionsOf(plan, shell))
  reportServerEvents(manager, reporter)
  const progress = startProgress(plan, manager, file, shell)
  const { rows, error } = await runManager(manager, plan.request, reporter).finally(() => progress.end())
  const outcomes = await settleFiles(manager.outcomes, receivers, error === undefined, reporter)
  const stats = manager.stats()
  return {
    outcomes: inOrder(plan, outcomes),
    stats,
    rows,
    seconds: stats.seconds,
    warnings: manager.warnings,
    sent: { format: plan.format, why: plan.why },
    ...(error !== undefined && { error }),
  }
}

const startProgress = (
  { request, estimate }: CopyPlan,
  manager: CopyManager,
  file: FileSource | undefined,
  { output }: Shell,
): ReturnType<typeof showProgress> => {
  const source = {
    stats: () => manager.stats(),
    estimate,
    bytesRead: file === undefined ? undefined : () => file.bytesRead,
  }
  return showProgress(output, source, { ...request, hasRows: file === undefined })
}

/** Runs the copy to its end, however it ends. @returns the rows by the servers' count, or the error */
const runManager = async (
  manager: CopyManager,
  { onFault, retry }: CopyRequest,
  reporter: Reporter,
): Promise<Pick<CopyEnd, 'rows' | 'error'>> => {
  const reportFaults = (fault: ReceiverFault<Receiver>): void => {
    for (const error of fault.faults.values()) reporter.fault(error)
  }
  try {
    const { rows } = await manager.run({
      onFault: onFault === 'abort' ? 'abort' : reportFaults,
      ...(retry > 0 && { retry: { times: retry } }),
    })
    return { rows }
  } catch (error) {
    if (!(error instanceof CopyError)) throw error
    return { rows: undefined, error }
  }
}

/** The outcomes in the order of the request, those of targets that were left out included. */
const inOrder = ({ request, leftOut }: CopyPlan, outcomes: readonly Outcome[]): Outcome[] => {
  const rest = outcomes.values()
  return request.targets.map(({ name }) => outcomeOfLeftOut(name, leftOut) ?? (rest.next().value as Outcome))
}

const makeProducer = ({
  request: { source },
  sourceStatement,
}: CopyPlan): { readonly producer: Producer; readonly file?: FileSource } => {
  if (source.kind !== 'file') {
    const { connection } = source
    return {
      producer: forOption(
        '--from',
        () => new StatementProducer({ connection, statement: sourceStatement as string }),
      ),
    }
  }
  const file = new FileSource(source.path)
  // standard input can be read once only: given an iterator, IteratorProducer refuses a second pass
  const producer = new IteratorProducer(source.path === '-' ? file.read() : () => file.read())
  return { producer, file }
}

const makeReceiver = (target: ServerPlan): StatementReceiver => {
  const { name, connection, statement, before, after, option } = target
  return forOption(option, () => new StatementReceiver({ name, connection, statement, before, after }))
}

const optionsOf = ({ request }: CopyPlan, shell: Shell): CopyManagerOptions => {
  const { atomicity, lagSeconds } = request
  const lag = lagSeconds === undefined ? {} : { lag: { policy: 'drop' as const, seconds: lagSeconds } }
  return { signal: shell.interrupts.signal, atomicity, ...lag }
}

/** Gives complete files their final names, or removes them if the copy failed. A file that cannot be renamed is a fault. */
const settleFiles = (
  outcomes: readonly Outcome[],
  receivers: readonly Receiver[],
  succeeded: boolean,
  reporter: Reporter,
): Promise<Outcome[]> =>
  Promise.all(
    outcomes.map(async (outcome, i): Promise<Outcome> => {
      const receiver = receivers[i]
      if (!(receiver instanceof FileReceiver)) return outcome
      if (!succeeded || outcome.state !== 'completed') {
        await receiver.discard()
        return outcome.state === 'completed' ? { ...outcome, state: 'rolled-back' } : outcome
      }
      try {
        await receiver.keep()
        return outcome
      } catch (cause) {
        await receiver.discard()
        const { name } = outcome
        const fault = new CopyError('COPY_CALLABLE', messageOf(cause), {
          phase: 'commit',
          receiver: name,
          cause,
        })
        reporter.fault(fault)
        return { ...outcome, state: 'dropped', fault }
      }
    }),
  )
