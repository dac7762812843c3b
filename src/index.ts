export type { ConnectionInput } from './main/connection-input.js'
export { type CopyFrom, type CopyOptions, type CopyTo, copy } from './main/copy.js'
export { CopyManager, type CopyManagerEvents, type OnFault } from './main/copy-manager.js'
export { IteratorProducer, type IteratorSource } from './main/iterator-producer.js'
export type { CopyManagerOptions, Deadlines } from './main/manager-options.js'
export { NullProducer } from './main/null-producer.js'
export type { CopyResult, CopyStats, Outcome, ReceiverStats } from './main/outcome.js'
export type { Cycle } from './main/passes.js'
export type { Producer, ProducerContext, ProducerEnd } from './main/producer.js'
export type { ProducerStream } from './main/producer-stream.js'
export {
  CallReceiver,
  type CallReceiverOptions,
  NullReceiver,
  type Placement,
  Receiver,
  type ReceiverContext,
  type RowCountRule,
} from './main/receiver.js'
export type { ReceiverState } from './main/receiver-state.js'
export type { RingOptions } from './main/ring.js'
export type { CopyInput, CopyIterable } from './main/source-run.js'
export { StatementProducer, type StatementProducerOptions } from './main/statement-producer.js'
export { StatementReceiver, type StatementReceiverOptions } from './main/statement-receiver.js'
export { WorkerPool, type WorkerPoolOptions } from './main/worker-pool.js'
export type { Slice, SliceCallable } from './shared/call-target.js'
export {
  CopyAborted,
  CopyError,
  type CopyErrorCode,
  CopyFailed,
  type CopyPhase,
  ProducerFault,
  ReceiverFault,
  type ServerFields,
} from './shared/errors.js'
export type { Completion } from './shared/messages.js'
export type { RingSlice } from './shared/ring-reader.js'
export type { ServerEvent } from './shared/server-events.js'
export type { SessionSettings } from './shared/session-settings.js'
export type { Target } from './shared/target.js'
