export type { ConnectionConfig, ConnectionInput } from './main/connection-input.js'
export { CONNECTION_FIELDS } from './main/connection-words.js'
export { type ConnectOptions, Connector, type ServerAddress } from './main/connector.js'
export { type CopyFrom, type CopyOptions, type CopyTo, copy } from './main/copy.js'
export { CopyManager, type CopyManagerEvents, type OnFault } from './main/copy-manager.js'
export type { CopyMessage, DiagnosticsMessages } from './main/diagnostics.js'
export {
  EncodedRows,
  type FromRowsOptions,
  fromRows,
  type Row,
  type RowColumn,
  type Rows,
} from './main/from-rows.js'
export { IteratorProducer, type IteratorSource } from './main/iterator-producer.js'
export type { LagOptions } from './main/lag.js'
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
export type { RetryOptions } from './main/retrying.js'
export type { RingOptions } from './main/ring.js'
export type { CopyInput, CopyIterable } from './main/source-run.js'
export {
  type FromClient,
  type FromConnection,
  type FromPool,
  StatementProducer,
  type StatementProducerOptions,
} from './main/statement-producer.js'
export {
  StatementReceiver,
  type StatementReceiverOptions,
  type ToClient,
  type ToConnection,
  type ToPool,
} from './main/statement-receiver.js'
export { StreamReceiver, type StreamReceiverOptions } from './main/stream-receiver.js'
export type { AnyWritable } from './main/stream-target.js'
export type { TlsWords } from './main/tls-words.js'
export { WorkerPool, type WorkerPoolOptions } from './main/worker-pool.js'
export type { Slice, SliceCallable } from './shared/call-target.js'
export {
  CopyAborted,
  CopyError,
  type CopyErrorCode,
  type CopyErrorFacts,
  CopyFailed,
  type CopyPhase,
  type CopyRemains,
  ProducerFault,
  ReceiverFault,
  type ServerFields,
} from './shared/errors.js'
export type { Completion } from './shared/messages.js'
export type { RingSlice } from './shared/ring-reader.js'
export type { ServerEvent } from './shared/server-events.js'
export type { SessionSettings } from './shared/session-settings.js'
export type { BackendState, Examined, Slowness } from './shared/slowness.js'
export type { StepLimits } from './shared/step-limits.js'
export type { Target } from './shared/target.js'
