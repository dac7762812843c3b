import { settlesWithin } from '../../../shared/async/deadline.js'
import { CopyError, messageOf } from '../../../shared/errors/errors.js'
import type { Producer, ProducerEnd } from '../producer.js'
import type { ProducerStream } from '../producer-stream.js'
import { ProducerTotals } from '../producer-totals.js'
import {
  CancellableIterator,
  type CopyInput,
  type CopyIterable,
  cancelUnread,
  ignoreErrors,
  isIterable,
  stopIgnoringErrors,
} from './cancellable-iterator.js'
import { EncodedRows } from './from-rows.js'

/**
 * The source of an IteratorProducer. A function is called once for each pass. Further passes are possible with a function
 * and with an array.
 */
export type IteratorSource = CopyIterable | (() => CopyIterable | Promise<CopyIterable>)

/**
 * Produces the data of an iterable. Lists of complete rows make slices of whole rows, and are counted. Loose chunks may be
 * cut anywhere and are not counted as rows: then copyman compares only the receivers' counts with each other.
 *
 * PostgreSQL takes a line `\.` for the end of the data and silently drops the data after that line: in text in every
 * version, in CSV before 18 (https://www.postgresql.org/docs/18/sql-copy.html). In lists of rows such a line causes a
 * COPY_COUNT_MISMATCH. In loose chunks it goes unnoticed, since all receivers load equally few rows: give lists of rows
 * where such a line may come. As a value, `\.` is data when it is quoted in CSV, and when its backslash is doubled in text.
 *
 * The source belongs to the copy. When the copy is aborted before the source's end, also while the source is silent or
 * was not read yet, a Readable is destroyed, a web stream cancelled, and an iterator's `return()` called.
 */
export class IteratorProducer extends ProducerTotals implements Producer {
  readonly name: string
  readonly canRepeat: boolean
  readonly #source: IteratorSource
  /** The user's own iterable: its errors are ignored from `open` on, and it is cancelled when it was never read. */
  readonly #given: unknown
  #iterator: CancellableIterator<CopyInput> | undefined
  #cancelled: Promise<void> = Promise.resolve()
  #stop: () => void = () => undefined

  /** @throws CopyError COPY_OPTION when the source cannot be iterated */
  constructor(source: IteratorSource, options: { readonly name?: string } = {}) {
    super()
    if (typeof source !== 'function' && !isIterable(source)) {
      throw new CopyError(
        'COPY_OPTION',
        'from must be iterable, such as an array, a generator, a Readable or a web stream, or a function that returns one',
      )
    }
    if (typeof source === 'string' || source instanceof Uint8Array) {
      throw new CopyError('COPY_OPTION', 'from is one piece of data; put it into a list: [data]')
    }
    this.#source = source
    this.#given = source instanceof EncodedRows ? source.given : source
    this.canRepeat =
      typeof source === 'function' ||
      Array.isArray(source) ||
      (source instanceof EncodedRows && source.canRepeat)
    this.name = options.name ?? 'source'
  }

  async open(): Promise<void> {
    ignoreErrors(this.#given)
  }

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    let rows: number | undefined = 0
    try {
      const iterator = await this.#unlessStopped(() => this.#begin(stream))
      if (iterator === undefined) return {}
      stream.started()
      while (!stream.isStopped) {
        const result = await this.#unlessStopped(() => iterator.next())
        if (stream.isStopped) break
        const { done, value } = result as IteratorResult<CopyInput>
        if (done) break
        if (isChunk(value)) {
          rows = undefined
          if (value.length > 0) await stream.chunk(bytesOf(value))
        } else {
          await stream.rows(bytesOfEach(value))
          if (rows !== undefined) rows += value.length
        }
      }
    } catch (cause) {
      if (cause instanceof CopyError) throw cause
      const message = messageOf(cause)
      throw new CopyError('COPY_CALLABLE', `the source threw: ${message}`, { phase: 'copy', cause })
    } finally {
      this.#cancel()
    }
    return rows === undefined ? {} : { rows }
  }

  async abort(): Promise<void> {
    this.#cancel()
    this.#stop()
  }

  /**
   * Waits until a cancelled source has cleaned up.
   * @throws the source's error in cleaning up; CopyError COPY_CALLABLE when it does not clean up in time
   */
  async close(deadlineMs: number): Promise<void> {
    const given = this.#given
    if (isIterable(given) && this.#iterator === undefined) this.#cancelled = cancelUnread(given)
    stopIgnoringErrors(given)
    if (await settlesWithin(this.#cancelled, deadlineMs)) return this.#cancelled
    throw new CopyError('COPY_CALLABLE', `the source did not clean up within ${deadlineMs} ms`, {
      phase: 'close',
    })
  }

  async #begin(stream: ProducerStream): Promise<CancellableIterator<CopyInput>> {
    const given = this.#source
    const source = typeof given === 'function' ? await given() : given
    if (!isIterable(source))
      throw new CopyError('COPY_OPTION', 'the function given as from returned nothing that can be iterated')
    const iterator = new CancellableIterator(source)
    this.#iterator = iterator
    // `abort` came before there was an iterator to cancel
    if (stream.isStopped) this.#cancel()
    return iterator
  }

  /** Resolves with the result of `begin`, or with undefined as soon as `abort` is called: a source may never settle. */
  #unlessStopped<T>(begin: () => Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#stop = () => resolve(undefined)
      begin().then(resolve, reject)
    })
  }

  #cancel(): void {
    const cancelled = this.#iterator?.cancel()
    if (cancelled === undefined) return
    this.#cancelled = cancelled
    // close() reports the error
    cancelled.catch(() => undefined)
  }
}

const isChunk = (input: CopyInput): input is Uint8Array | string => {
  if (typeof input === 'string' || input instanceof Uint8Array) return true
  if (Array.isArray(input)) return false
  throw new CopyError(
    'COPY_OPTION',
    `the source gave ${input === null ? 'null' : typeof input}; Uint8Array, string, or a list of rows is expected`,
    { phase: 'copy' },
  )
}

const bytesOf = (input: Uint8Array | string): Uint8Array => {
  if (typeof input === 'string') return Buffer.from(input)
  if (input instanceof Uint8Array) return input
  throw new CopyError(
    'COPY_OPTION',
    `the source gave a row of type ${typeof input}; Uint8Array or string is expected`,
    { phase: 'copy' },
  )
}

/** The bytes of each input, made one by one: a long list at once would keep the event loop waiting. */
const bytesOfEach = function* (inputs: readonly (Uint8Array | string)[]): Generator<Uint8Array> {
  for (const input of inputs) yield bytesOf(input)
}
