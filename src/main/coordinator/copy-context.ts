import { ProgressMonitor } from '../../shared/liveness/progress-monitor.js'
import type { Slowness } from '../../shared/liveness/slowness.js'
import type { PassStart } from '../handles/handle-context.js'
import type { CheckedOptions } from '../options/copy-options.js'
import type { Producer } from '../producers/producer.js'
import type { ReceiverContext } from '../receivers/receiver.js'

/** What both ends are told of the options. */
export const contextOf = ({ deadlines, session }: CheckedOptions): ReceiverContext => {
  const { connect, start, finish } = deadlines
  return { connectMs: connect, startMs: start, finishMs: finish, session }
}

/** How long a receiver may take nothing. */
export const patienceOf = ({ deadlines }: CheckedOptions): Pick<PassStart, 'stallMs' | 'slowMs'> => ({
  stallMs: deadlines.stall,
  slowMs: deadlines.slow,
})

/** Watches a producer, and tells when nothing comes from it. */
export const watchOf = (
  producer: Producer,
  { deadlines }: CheckedOptions,
  tell: (slowness: Slowness) => void,
): ProgressMonitor => new ProgressMonitor(deadlines.slow, () => producer.diagnose?.(), tell)
