import { ProgressMonitor } from '../../shared/liveness/progress-monitor.js'
import type { CopyObserver } from '../handles/copy-observer.js'
import type { PassStart } from '../handles/handle-context.js'
import type { CheckedOptions } from '../options/copy-options.js'
import type { Producer } from '../producers/producer.js'
import type { ReceiverContext } from '../receivers/receiver.js'

/** The options that both ends of a copy need. */
export const contextOf = ({ deadlines, session }: CheckedOptions): ReceiverContext => {
  const { connect, start, finish } = deadlines
  return { connectMs: connect, startMs: start, finishMs: finish, session }
}

/** How long a receiver may make no progress. */
export const progressLimitsOf = ({ deadlines }: CheckedOptions): Pick<PassStart, 'stallMs' | 'slowMs'> => ({
  stallMs: deadlines.stall,
  slowMs: deadlines.slow,
})

/** Watches a producer, and reports when it makes no progress. */
export const monitorOf = (
  producer: Producer,
  { deadlines }: CheckedOptions,
  observer: CopyObserver,
): ProgressMonitor =>
  new ProgressMonitor(
    deadlines.slow,
    () => producer.diagnose?.(),
    (slowness) => observer.event(slowness, undefined),
  )
