import { finished, Writable } from 'node:stream'
import { settlesWithin } from '../../shared/async/deadline.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import { HEADER_BYTES } from '../../shared/ring/layout.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'
import { beginUse, endUse, requireUnused } from '../clients/in-use.js'

/** A Node Writable, also the writable side of a Duplex, or a web WritableStream. */
export type AnyWritable = NodeJS.WritableStream | WritableStream

type MakeStream = () => AnyWritable | Promise<AnyWritable>

/** A user's stream: written to with its backpressure, ended at the commit, destroyed when the copy is aborted. */
export class StreamTarget implements Target {
  readonly redelivers = false
  /** The stream has a buffer of its own. */
  readonly maxInFlight = 1
  readonly #make: MakeStream
  #given: AnyWritable | undefined
  #stream: Writable | undefined
  #phase: CopyPhase = 'copy'
  #failed: Promise<never> = new Promise(() => undefined)
  #fail: (error: CopyError) => void = () => undefined
  /** Resolves with the error of the stream, or with undefined when the stream has finished. */
  #over: Promise<CopyError | undefined> = Promise.resolve(undefined)
  #stopListening: () => void = () => undefined
  #isAborted = false

  /** @param make called for each pass */
  constructor(make: MakeStream) {
    this.#make = make
  }

  get failed(): Promise<never> {
    return this.#failed
  }

  async open(): Promise<void> {
    this.#isAborted = false
    this.#phase = 'start'
    const given = await this.#make()
    requireUnused(given, 'the stream')
    const stream = asNodeStream(given)
    beginUse(given, 'the stream')
    this.#given = given
    this.#stream = stream
    this.#listen(stream)
    if (this.#isAborted) this.#destroy('the copy was aborted')
    else if (!stream.writable) throw this.#broken('was ended or destroyed already')
    this.#phase = 'copy'
  }

  send(slice: RingSlice, sent: (error?: unknown) => void): void {
    // a private copy: a Transform passes chunks on after it has called back for them
    this.#stream?.write(Buffer.from(slice.frame.subarray(HEADER_BYTES)), (error) => {
      if (error === null || error === undefined) sent()
      // the stream's 'error' event comes next and has the reason; this error may say only that it was destroyed
      else setImmediate(() => this.#fail(this.#broken(`failed: ${messageOf(error)}`, error)))
    })
  }

  /** All rows were written. The stream is ended at the commit, so that a copy which fails until then destroys it. */
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

  /** Nothing is read from slices: the stream has private copies. */
  async abort(reason: string): Promise<boolean> {
    this.#isAborted = true
    this.#destroy(reason)
    return true
  }

  async close(deadlineMs: number): Promise<void> {
    const stream = this.#stream
    if (stream === undefined) return
    endUse(this.#given as AnyWritable)
    if (!isShared(stream)) await settlesWithin(this.#over, deadlineMs)
    // closing may fail too; its events come one turn of the event loop after it has closed
    if (isShared(stream) || stream.closed) setImmediate(this.#stopListening)
    else stream.once('close', () => setImmediate(this.#stopListening))
  }

  #listen(stream: Writable): void {
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.#failed.catch(() => undefined)
    this.#over = new Promise((resolve) => {
      this.#stopListening = finished(stream, { readable: false }, (cause) => {
        const error = cause ? this.#broken(`failed: ${messageOf(cause)}`, cause) : undefined
        if (error !== undefined) this.#fail(error)
        resolve(error)
      })
    })
  }

  #destroy(reason: string): void {
    const stream = this.#stream
    if (stream === undefined || isShared(stream)) return
    stream.destroy(new CopyError('COPY_ABORTED', `the copy into this stream was aborted: ${reason}`))
  }

  #broken(what: string, cause?: unknown): CopyError {
    // the result is known and not in doubt: the stream has not finished
    const code = this.#phase === 'commit' ? 'COPY_COMMIT' : 'COPY_CALLABLE'
    return new CopyError(code, `the stream ${what}`, { phase: this.#phase, cause })
  }
}

/** Streams of the process: like pipeline(), we never end them. */
const isShared = (stream: unknown): boolean => stream === process.stdout || stream === process.stderr

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

/** Destroys a stream that was never written to, because the copy ended before. */
export const destroyUnwritten = (stream: AnyWritable): void => {
  if (isShared(stream)) return
  const reason = new CopyError('COPY_ABORTED', 'the copy into this stream was aborted before it began')
  if (isNodeWritable(stream)) {
    const { destroyed, destroy, once } = stream as Writable
    if (destroyed) return
    once.call(stream, 'error', () => undefined)
    destroy.call(stream, reason)
  } else if (!stream.locked) {
    stream.abort(reason).catch(() => undefined)
  }
}
