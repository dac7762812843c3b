import { type Channel, channel } from 'node:diagnostics_channel'
import type { CopyError } from '../../shared/errors/errors.js'
import type { AbortReason } from '../../shared/messages/messages.js'
import type { ReceiverView } from '../handles/copy-observer.js'
import type { ReceiverState } from '../handles/receiver-state.js'
import type { CopyResult } from './outcome.js'

/** What every message holds. */
export interface CopyMessage {
  /** Numbers the copies of this process, from 1. */
  readonly copy: number
}

/**
 * The messages on the channels of `node:diagnostics_channel`, by the channel's name. They are published on the main
 * thread, as things happen: the copy goes on when all subscribers have returned, so they should be quick. A message is
 * made only when its channel has subscribers. When a subscriber throws, Node emits an `uncaughtException`, and the copy
 * goes on.
 */
export interface CopyMessages<M> {
  /** `open()` was called. `manager.stats()` returns at any time how far every receiver is. */
  readonly 'copyman:start': CopyMessage & {
    readonly manager: M
    /** The producer's name. */
    readonly source: string
    /** Names of the receivers, in the order in which the caller gave them. */
    readonly receivers: readonly string[]
  }
  /** A pass over the data begins; passes are numbered from 1. */
  readonly 'copyman:pass': CopyMessage & { readonly pass: number; readonly receivers: readonly string[] }
  /** Something failed. `receiver` is undefined for the producer's fault, which ends the copy. */
  readonly 'copyman:fault': CopyMessage & { readonly receiver: string | undefined; readonly error: CopyError }
  /** A faulted receiver was reconciled. */
  readonly 'copyman:reconcile': CopyMessage & {
    readonly receiver: string
    readonly from: 'cursor' | 'start'
  }
  /** A receiver's data is visible. */
  readonly 'copyman:commit': CopyMessage & {
    readonly receiver: string
    /** Rows by the receiver's own count; undefined for a receiver that does not count. */
    readonly rows: number | undefined
    readonly bytes: number
    /** From the begin of its pass to its completion. */
    readonly seconds: number
  }
  /** The copy is over, and everything is released. Once for each `copyman:start`. */
  readonly 'copyman:end': CopyMessage & {
    /** `done`: see the outcomes of its receivers; `failed`: it rejects with CopyFailed; `aborted`: with CopyAborted. */
    readonly end: 'done' | 'failed' | 'aborted'
    /** The fault that made the copy fail; undefined for other ends. */
    readonly error: CopyError | undefined
    readonly result: CopyResult
  }
}

type Name = keyof CopyMessages<unknown>
type Body<M, N extends Name> = Omit<CopyMessages<M>[N], 'copy'>

const channelOf = (name: Name): Channel => channel(name)

const CHANNELS: Readonly<Record<Name, Channel>> = {
  'copyman:start': channelOf('copyman:start'),
  'copyman:pass': channelOf('copyman:pass'),
  'copyman:fault': channelOf('copyman:fault'),
  'copyman:reconcile': channelOf('copyman:reconcile'),
  'copyman:commit': channelOf('copyman:commit'),
  'copyman:end': channelOf('copyman:end'),
}

/** States of the receivers that take part as a pass begins. */
const JOINED: readonly ReceiverState[] = ['opening', 'receiving']

const ENDS: { readonly [R in AbortReason]?: 'done' | 'aborted' } = {
  'the copy is over': 'done',
  'the copy was aborted': 'aborted',
}

let copies = 0

/** What messages need of the manager of their copy. */
export interface Managed {
  readonly producer: { readonly name: string }
  readonly outcomes: readonly { readonly name: string; readonly state: ReceiverState }[]
}

/** Publishes what happens in one copy, of a manager of type `M`. */
export class Diagnostics<M extends Managed> {
  readonly #manager: M
  readonly #result: () => CopyResult
  #copy = 0
  #fault: CopyError | undefined

  /** @param result called at the end, if the channel has subscribers */
  constructor(manager: M, result: () => CopyResult) {
    this.#manager = manager
    this.#result = result
  }

  /** The copy begins: it gets its number. */
  begun(): void {
    copies += 1
    this.#copy = copies
    this.#publish('copyman:start', () => ({
      manager: this.#manager,
      source: this.#manager.producer.name,
      receivers: this.#manager.outcomes.map(({ name }) => name),
    }))
  }

  /** A pass is about to begin; the receivers that take part have begun already. */
  passStarted(pass: number): void {
    this.#publish('copyman:pass', () => ({
      pass,
      receivers: this.#manager.outcomes.filter(({ state }) => JOINED.includes(state)).map(({ name }) => name),
    }))
  }

  receiverChanged({ name, state, fault, completion, subscription, timer }: ReceiverView): void {
    if (state === 'faulted' && fault !== undefined) this.failed(name, fault)
    if (state !== 'committed') return
    this.#publish('copyman:commit', () => {
      const { progress } = subscription
      return { receiver: name, rows: completion?.rows, bytes: progress.bytes, seconds: timer.seconds }
    })
  }

  /** @param receiver undefined for the producer */
  failed(receiver: string | undefined, error: CopyError): void {
    this.#fault = error
    this.#publish('copyman:fault', () => ({ receiver, error }))
  }

  reconciled(receiver: string, from: 'cursor' | 'start'): void {
    this.#publish('copyman:reconcile', () => ({ receiver, from }))
  }

  ended(reason: AbortReason): void {
    // a manager that was closed before it was opened
    if (this.#copy === 0) return
    const end: CopyMessages<M>['copyman:end']['end'] = ENDS[reason] ?? 'failed'
    const error = end === 'failed' ? this.#fault : undefined
    this.#publish('copyman:end', () => ({ end, error, result: this.#result() }))
  }

  #publish<N extends Name>(name: N, body: () => Body<M, N>): void {
    const to = CHANNELS[name]
    if (to.hasSubscribers) to.publish({ copy: this.#copy, ...body() })
  }
}
