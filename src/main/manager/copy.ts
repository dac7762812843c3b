import { CopyError } from '../../shared/errors/errors.js'
import type { SliceCallable } from '../../shared/runner/call-target.js'
import { refuseSameClient } from '../clients/client-session.js'
import type { CopyManagerOptions } from '../options/copy-options.js'
import type { RetryOptions } from '../options/retry-options.js'
import { IteratorProducer, type IteratorSource } from '../producers/iterable/iterator-producer.js'
import type { Producer } from '../producers/producer.js'
import {
  StatementProducer,
  type StatementProducerOptions,
} from '../producers/statement/statement-producer.js'
import { CallReceiver } from '../receivers/call-receiver.js'
import { Receiver } from '../receivers/receiver.js'
import { StatementReceiver, type StatementReceiverOptions } from '../receivers/statement-receiver.js'
import { isWritable, StreamReceiver } from '../receivers/stream-receiver.js'
import type { AnyWritable } from '../receivers/stream-target.js'
import { CopyManager, type OnFault } from './copy-manager.js'
import type { CopyResult } from './outcome.js'

/** A source of a copy: a producer, a connection or client with a statement, or anything that can be iterated. */
export type CopyFrom = Producer | StatementProducerOptions | IteratorSource

/** A target of a copy: a receiver, a connection or client with a statement, a stream, or a function that takes slices. */
export type CopyTo = Receiver | StatementReceiverOptions | AnyWritable | SliceCallable

export interface CopyOptions extends CopyManagerOptions {
  readonly from: CopyFrom
  readonly to: readonly CopyTo[]
  /**
   * What to do when a receiver fails. `abort`: the copy ends, and nothing is loaded anywhere. `isolate`: the others go
   * on. Or a function, called with each fault, that may reconcile. Default: `abort`.
   */
  readonly onFault?: OnFault
  /**
   * Reconciles receivers from the start after transient faults, e.g. a lost connection or a restart of the server.
   * `onFault` decides about all other faults. Default: no retry.
   */
  readonly retry?: RetryOptions
}

/**
 * Reads `from` once and loads every receiver in `to`, all at the same time, in one call.
 * @throws CopyError COPY_OPTION for illegal options, before anything is connected
 * @throws CopyFailed when the producer failed, or a receiver under `abort`, or every receiver: nothing is loaded, except
 *   into the receivers that its `committed` lists
 * @throws CopyAborted when the signal fired
 */
export const copy = async (options: CopyOptions): Promise<CopyResult> => {
  const { from, to, onFault = 'abort', retry, ...rest } = options
  if (!Array.isArray(to)) throw new CopyError('COPY_OPTION', 'to must be a list of receivers')
  if (onFault !== 'abort' && onFault !== 'isolate' && typeof onFault !== 'function') {
    throw new CopyError(
      'COPY_OPTION',
      `onFault must be 'abort', 'isolate' or a function, not ${String(onFault)}`,
    )
  }
  const producer = toProducer(from)
  const receivers = to.map(toReceiver)
  refuseSameClient([producer, ...receivers])
  return new CopyManager(producer, receivers, rest).run({ onFault, ...(retry !== undefined && { retry }) })
}

const toProducer = (from: CopyFrom): Producer => {
  if (typeof from === 'object' && from !== null) {
    if ('produce' in from && typeof from.produce === 'function') return from
    if ('statement' in from) return new StatementProducer(from)
  }
  return new IteratorProducer(from as IteratorSource)
}

const toReceiver = (to: CopyTo, i: number): Receiver => {
  if (to instanceof Receiver) return to
  if (typeof to === 'function') return new CallReceiver(to)
  if (isWritable(to)) return new StreamReceiver(to)
  if (typeof to === 'object' && to !== null && 'statement' in to) return new StatementReceiver(to, `to[${i}]`)
  throw new CopyError(
    'COPY_OPTION',
    `to[${i}] must be a receiver, { connection | client, statement }, a stream to write to, or a function`,
  )
}
