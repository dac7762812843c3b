import type { CopyError } from '../../shared/errors/errors.js'
import type { CopyObserver } from '../handles/copy-observer.js'
import { ReceiverGroup } from '../handles/receiver-group.js'
import type { CheckedOptions } from '../options/copy-options.js'
import type { Producer } from '../producers/producer.js'
import type { Receiver } from '../receivers/receiver.js'
import { makeRing } from '../ring/make-ring.js'
import type { Moved } from '../ring/slice-totals.js'
import { Bottleneck } from './bottleneck.js'
import { Cancellation } from './cancellation.js'
import { CopyClock } from './copy-clock.js'
import { monitorOf } from './copy-context.js'
import { CopyCoordinator } from './copy-coordinator.js'
import type { EventCount } from './event-count.js'
import { Passes } from './passes.js'
import { Shutdown } from './shutdown.js'

/** What a copy is made from. */
export interface CopyPlan {
  readonly producer: Producer
  readonly receivers: readonly Receiver[]
  readonly options: CheckedOptions
  /** Handed down whole to all that report something. */
  readonly observer: CopyObserver
  /** The observer counts events here, and the coordinator's loop waits for the next one. */
  readonly eventCount: EventCount
  /** All that the observer was warned of. Live. */
  readonly warnings: readonly CopyError[]
}

/** @throws CopyError COPY_OPTION for no receivers, too many, or a receiver that is given twice */
export const makeCoordinator = (plan: CopyPlan): CopyCoordinator => {
  const { producer, receivers, options, observer, eventCount, warnings } = plan
  const clock = new CopyClock()
  const published = (): void => {
    clock.published()
    eventCount.notify()
  }
  const ringParts = makeRing(options.ring, published)
  const { ring, gate, writer } = ringParts
  const before = (sequence: number): Moved => writer.totals.before(sequence)
  const { deadlines } = options
  const group = new ReceiverGroup(receivers, { ring, gate, before, deadlines, observer }, options.pool)
  const passChanged = (): void => {
    if (passes.isOver) group.passEnded()
    eventCount.notify()
  }
  const passes = new Passes(producer, ringParts, monitorOf(producer, options, observer), passChanged)
  const shutdown = new Shutdown({ producer, passes, group }, deadlines.abort, observer, warnings)
  const cancellation = new Cancellation(options.signal, eventCount)
  return new CopyCoordinator({
    producer,
    options,
    observer,
    group,
    passes,
    shutdown,
    cancellation,
    eventCount,
    clock,
    bottleneck: new Bottleneck(gate),
  })
}
