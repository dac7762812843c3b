import type { CopyObserver } from '../handles/copy-observer.js'
import type { ReceiverGroup } from '../handles/receiver-group.js'
import type { CheckedOptions } from '../options/copy-options.js'
import type { Producer } from '../producers/producer.js'
import type { Bottleneck } from './bottleneck.js'
import type { Cancellation } from './cancellation.js'
import type { CopyClock } from './copy-clock.js'
import type { EventCount } from './event-count.js'
import type { Passes } from './passes.js'
import type { Shutdown } from './shutdown.js'

/** The parts of one copy, each made once. */
export interface CoordinatorParts {
  readonly producer: Producer
  readonly options: CheckedOptions
  readonly observer: CopyObserver
  readonly group: ReceiverGroup
  readonly passes: Passes
  readonly shutdown: Shutdown
  readonly cancellation: Cancellation
  /** Counts what the loop waits for. */
  readonly eventCount: EventCount
  readonly clock: CopyClock
  readonly bottleneck: Bottleneck
}
