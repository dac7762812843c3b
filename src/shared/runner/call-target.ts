import { settlesWithin } from '../async/deadline.js'
import { CopyError, messageOf } from '../errors/errors.js'
import type { Completion } from '../messages/messages.js'
import { HEADER_BYTES } from '../ring/layout.js'
import type { RingSlice } from '../ring/slice-reader.js'
import type { Target } from './target.js'

/** The argument of a callable: whole rows of COPY data, or a piece of one row that is larger than a slot. */
export interface Slice {
  /** The payload: a private copy, or with `zeroCopy` the slot itself, valid until the returned promise settles. */
  readonly bytes: Uint8Array
  /** CopyData messages that end in this slice. */
  readonly messages: number
  /** Whether the last row goes on in the next slice. */
  readonly continues: boolean
  /** Identifies the slice in this copy: a slice that is delivered again has the same number. */
  readonly sequence: number
  /** Number of the pass, from 1. After a reconcile from the start it is higher, and the rows come again. */
  readonly pass: number
}

/** Takes one slice; the next slice comes when the returned promise has settled. */
export type SliceCallable = (slice: Slice) => unknown

/** A target that is a function. */
export class CallTarget implements Target {
  readonly redelivers = true
  readonly maxInFlight = 1
  readonly failed = new Promise<never>(() => undefined)
  readonly #call: SliceCallable
  readonly #zeroCopy: boolean
  #pass = 0
  #calling: Promise<void> = Promise.resolve()

  constructor(call: SliceCallable, zeroCopy: boolean) {
    this.#call = call
    this.#zeroCopy = zeroCopy
  }

  async open(pass: number): Promise<void> {
    // an aborted pass may have left a call under way; the function gets one slice at a time, also then
    await this.#calling
    this.#pass = pass
  }

  send(slice: RingSlice, sent: (error?: unknown) => void): void {
    const payload = slice.frame.subarray(HEADER_BYTES)
    const bytes = this.#zeroCopy ? payload : Buffer.from(payload)
    const { sequence, continues, rows: messages } = slice
    this.#calling = this.#deliver({ bytes, messages, continues, sequence, pass: this.#pass }, sent)
  }

  async complete(): Promise<Completion> {
    return { commits: false }
  }

  async commit(): Promise<void> {}

  /** A callable that was lent a slot may read it until it settles. The deadline ends the wait, as with a lost thread. */
  async abort(_reason: string, deadlineMs: number): Promise<boolean> {
    return settlesWithin(this.#calling, deadlineMs)
  }

  async close(): Promise<void> {}

  async #deliver(slice: Slice, sent: (error?: unknown) => void): Promise<void> {
    try {
      await this.#call(slice)
    } catch (cause) {
      const message = messageOf(cause)
      sent(
        new CopyError('COPY_CALLABLE', `the callable failed on slice ${slice.sequence}: ${message}`, {
          phase: 'copy',
          cause,
        }),
      )
      return
    }
    sent()
  }
}
