import { finished, Writable } from 'node:stream'
import { settlesWithin } from '../../shared/async/deadline.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import { HEADER_BYTES } from '../../shared/ring/layout.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'

/** A Node Writable, also the writable side of a Duplex, or a web WritableStream. */
export type AnyWritable = NodeJS.WritableStream | WritableStream

type MakeStream = () => AnyWritable | Promise<AnyWritable>

/** A user's stream: written to with its backpressure, ended at the commit, destroyed when the copy is given up. */
export class StreamTarget implements Target {
  readonly redelivers = false
  /** The stream's own buffer is behind it. */
  readonly maxInFlight = 1
  readonly #make: MakeStream
  #given: AnyWritable | undefined
  #stream: Writable | undefined
  #phase: CopyPhase = 'copy'
  #failed: Promise<never> = new Promise(() => undefined)
  #fail: (error: CopyError) => void = () => undefined
  /** What the stream failed for, or nothing when it has finished. */
  #over: Promise<CopyError | undefined> = Promise.resolve(undefined)
  #unhear: () => void = () => undefined
  #isGivenUp = false

  /** @param make called for each pass */
  constructor(make: MakeStream) {
    this.#make = make
  }

  get failed(): Promise<never> {
    return this.#failed
  }

  async open(): Promise<void> {
    this.#isGivenUp = false
    this.#phase = 'start'
    const given = await this.#make()
    if (inUse.has(given))
      throw new CopyError('COPY_STATE', 'the stream is in use by a copy already', { phase: 'start' })
    const stream = asNodeStream(given)
    inUse.add(given)
    this.#given = given
    this.#stream = stream
    this.#hear(stream)
    if (this.#isGivenUp) this.#destroy('the copy was aborted')
    else if (!stream.writable) throw this.#broken('was ended or destroyed already')
    this.#phase = 'copy'
  }

  send(slice: RingSlice, sent: (error?: unknown) => void): void {
    // a copy of its own: a Transform passes on what it has called back for
    this.#stream?.write(Buffer.from(slice.frame.subarray(HEADER_BYTES)), (error) => {
      if (error === null || error === undefined) sent()
      // the event, which comes next, tells what happened; this may tell only that it was destroyed
      else setImmediate(() => this.#fail(this.#broken(`failed: ${messageOf(error)}`, error)))
    })
  }

  /** Everything was written. Its end comes with the commit, so that a copy that fails until then is seen to. */
  async complete(): Promise<Completion> {
    this.#phase = 'complete'
    return { commits: true }
  }

  async commit(): Promise<void> {
    const stream = this.#stream as Writable
    if (isShared(stream)) return
    this.#phase = 'commit'
    stream.end()
    const error = await this.#over
    if (error !== undefined) throw error
  }

  /** Nothing is read from slices: what the stream has are copies. */
  async abort(reason: string): Promise<boolean> {
    this.#isGivenUp = true
    this.#destroy(reason)
    return true
  }

  async end(deadlineMs: number): Promise<void> {
    const stream = this.#stream
    if (stream === undefined) return
    inUse.delete(this.#given as AnyWritable)
    if (!isShared(stream)) await settlesWithin(this.#over, deadlineMs)
    // it may fail in its closing, too; its events come a turn after it has closed
    if (isShared(stream) || stream.closed) setImmediate(this.#unhear)
    else stream.once('close', () => setImmediate(this.#unhear))
  }

  #hear(stream: Writable): void {
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.#failed.catch(() => undefined)
    this.#over = new Promise((resolve) => {
      this.#unhear = finished(stream, { readable: false }, (cause) => {
        const error = cause ? this.#broken(`failed: ${messageOf(cause)}`, cause) : undefined
        if (error !== undefined) this.#fail(error)
        resolve(error)
      })
    })
  }

  #destroy(reason: string): void {
    const stream = this.#stream
    if (stream === undefined || isShared(stream)) return
    stream.destroy(new CopyError('COPY_ABORTED', `the copy into this stream was given up: ${reason}`))
  }

  #broken(what: string, cause?: unknown): CopyError {
    // known, and not in doubt: it has not finished
    const code = this.#phase === 'commit' ? 'COPY_COMMIT' : 'COPY_CALLABLE'
    return new CopyError(code, `the stream ${what}`, { phase: this.#phase, cause })
  }
}

/** Of the process: nobody's to end, as pipeline() has it. */
const isShared = (stream: unknown): boolean => stream === process.stdout || stream === process.stderr

/** Streams that a copy writes to. */
const inUse = new WeakSet<AnyWritable>()

const asNodeStream = (stream: AnyWritable): Writable => {
  if (isNodeWritable(stream)) return stream as Writable
  if (!isWebWritable(stream)) throw new CopyError('COPY_OPTION', 'the function gave no stream to write to')
  if (stream.locked) throw new CopyError('COPY_STATE', 'the stream has a writer already', { phase: 'start' })
  return Writable.fromWeb(stream as Parameters<typeof Writable.fromWeb>[0])
}

export const isNodeWritable = (stream: unknown): stream is NodeJS.WritableStream => {
  const { write, end, on } = (stream ?? {}) as Partial<NodeJS.WritableStream>
  return [write, end, on].every((method) => typeof method === 'function')
}

export const isWebWritable = (stream: unknown): stream is WritableStream => {
  const { getWriter, abort } = (stream ?? {}) as Partial<WritableStream>
  return typeof getWriter === 'function' && typeof abort === 'function'
}

/** Gives up a stream that was never written to, because the copy did not get that far. */
export const giveUpUnwritten = (stream: AnyWritable): void => {
  if (isShared(stream)) return
  const reason = new CopyError('COPY_ABORTED', 'the copy into this stream was given up before it began')
  if (isNodeWritable(stream)) {
    const { destroyed, destroy, once } = stream as Writable
    if (destroyed) return
    once.call(stream, 'error', () => undefined)
    destroy.call(stream, reason)
  } else if (!stream.locked) {
    stream.abort(reason).catch(() => undefined)
  }
}
