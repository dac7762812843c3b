// The public API of copyman. Each name is documented where it is declared.
export { type ConnectOptions, Connector, type ServerAddress } from './main/conninfo/connector.js'
export type { ConnectionConfig, ConnectionInput } from './main/conninfo/conninfo.js'
export { CONNECTION_FIELDS } from './main/conninfo/parameters.js'
export type { TlsParameters } from './main/conninfo/tls-parameters.js'
export type { Cycle } from './main/coordinator/passes.js'
export type { ReceiverState } from './main/handles/receiver-state.js'
export { WorkerPool, type WorkerPoolOptions } from './main/links/worker-pool.js'
export { type CopyFrom, type CopyOptions, type CopyTo, copy } from './main/manager/copy.js'
export { CopyManager, type OnFault } from './main/manager/copy-manager.js'
export type { CopyMessage, CopyMessages } from './main/manager/diagnostics.js'
export type { DiagnosticsMessages } from './main/manager/diagnostics-messages.js'
export type { CopyManagerEvents } from './main/manager/events.js'
export type { CopyResult, CopyStats, Outcome, ReceiverStats } from './main/manager/outcome.js'
export type { CopyManagerOptions } from './main/options/copy-options.js'
export type { Deadlines } from './main/options/deadlines.js'
export type { LagOptions } from './main/options/lag-options.js'
export type { RetryOptions } from './main/options/retry-options.js'
export type { CopyInput, CopyIterable } from './main/producers/iterable/cancellable-iterator.js'
export {
  EncodedRows,
  type FromRowsOptions,
  fromRows,
  type Row,
  type RowColumn,
  type Rows,
} from './main/producers/iterable/from-rows.js'
export { IteratorProducer, type IteratorSource } from './main/producers/iterable/iterator-producer.js'
export { NullProducer } from './main/producers/null-producer.js'
export type { Producer, ProducerContext, ProducerEnd } from './main/producers/producer.js'
export type { ProducerStream } from './main/producers/producer-stream.js'
export {
  type FromClient,
  type FromConnection,
  type FromPool,
  StatementProducer,
  type StatementProducerOptions,
} from './main/producers/statement/statement-producer.js'
export { CallReceiver, type CallReceiverOptions } from './main/receivers/call-receiver.js'
export { NullReceiver } from './main/receivers/null-receiver.js'
export {
  type Placement,
  Receiver,
  type ReceiverContext,
  type RowCountRule,
} from './main/receivers/receiver.js'
export {
  StatementReceiver,
  type StatementReceiverOptions,
  type ToClient,
  type ToConnection,
  type ToPool,
} from './main/receivers/statement-receiver.js'
export { StreamReceiver, type StreamReceiverOptions } from './main/receivers/stream-receiver.js'
export type { AnyWritable } from './main/receivers/stream-target.js'
export type { RingOptions } from './main/ring/ring.js'
export type { CopyErrorCode, CopyPhase } from './shared/errors/codes.js'
export {
  CopyAborted,
  CopyError,
  type CopyErrorFacts,
  CopyFailed,
  type CopyRemains,
  ProducerFault,
  ReceiverFault,
  type ServerFields,
} from './shared/errors/errors.js'
export type { BackendState, Slowness, WaitDiagnosis } from './shared/liveness/slowness.js'
export type { Completion } from './shared/messages/messages.js'
export type { RingSlice } from './shared/ring/slice-reader.js'
export type { Slice, SliceCallable } from './shared/runner/call-target.js'
export type { Target } from './shared/runner/target.js'
export type { ServerEvent } from './shared/session/server-events.js'
export type { SessionSettings } from './shared/session/session-settings.js'
export type { StepDeadlines } from './shared/session/step-deadlines.js'
