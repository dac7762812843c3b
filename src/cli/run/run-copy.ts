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
import { Probe, type Probed } from '../progress/bottleneck-probe.js'
import { showProgress } from '../progress/progress.js'
import { type CopyEnd, outcomeOfLeftOut } from '../report/copy-end.js'
import type { Reporter } from '../report/reporter.js'
import { forOption } from '../request/check-connections.js'
import type { Shell } from '../shell/shell.js'
import { messageOf } from '../text/message-of.js'
import { tellServerEvents } from './notices.js'

/**
 * Runs a copy as planned: shows its progress, tells of faults as they come, and puts files where they belong.
 * @throws CopyError COPY_OPTION when a connection or statement cannot work, before anything is connected
 */
export const runCopy = async (plan: CopyPlan, shell: Shell, reporter: Reporter): Promise<CopyEnd> => {
  const { request, format, why } = plan
  const { producer, file } = makeProducer(plan)
  const receivers = plan.targets.map((target) =>
    target.kind === 'file' ? new FileReceiver(target.path, target.name) : makeReceiver(target),
  )
  const manager = new CopyManager(producer, receivers, optionsOf(plan, shell))
  tellServerEvents(manager, reporter)
  const source = {
    stats: () => manager.stats(),
    estimate: plan.estimate,
    bytesRead: file === undefined ? undefined : () => file.bytesRead,
    probe: new Probe(new Map(plan.targets.flatMap(probed)), shell.interrupts.signal),
  }
  const progress = showProgress(shell.output, source, { ...request, hasRows: file === undefined })
  const onFault = (fault: ReceiverFault<Receiver>): void => {
    for (const error of fault.faults.values()) reporter.fault(error)
  }
  let rows: number | undefined
  let error: CopyError | undefined
  try {
    const how = {
      onFault: request.onFault === 'abort' ? ('abort' as const) : onFault,
      ...retryOf(request.retry),
    }
    rows = (await manager.run(how)).rows
  } catch (thrown) {
    if (!(thrown instanceof CopyError)) throw thrown
    error = thrown
  } finally {
    progress.end()
  }
  const done = await settleFiles(manager.outcomes, receivers, error === undefined, reporter)
  const outcomes = inOrder(plan, done)
  const stats = manager.stats()
  const { warnings } = manager
  return {
    outcomes,
    stats,
    rows,
    seconds: stats.seconds,
    warnings,
    sent: { format, why },
    ...(error !== undefined && { error }),
  }
}

/** Those that were left out have their place among the others. */
const inOrder = ({ request, leftOut }: CopyPlan, done: readonly Outcome[]): Outcome[] => {
  const rest = done.values()
  return request.targets.map(({ name }) => outcomeOfLeftOut(name, leftOut) ?? (rest.next().value as Outcome))
}

const probed = (target: CopyPlan['targets'][number]): [string, Probed][] =>
  target.kind === 'file' ? [] : [[target.name, target]]

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
  // standard input comes once: given as it is, a further pass is refused
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

const retryOf = (times: number): object => (times === 0 ? {} : { retry: { times } })

/** Files that are complete take their place, unless the copy failed; one that cannot is a fault. */
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
