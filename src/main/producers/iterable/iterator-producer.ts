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
 * What an IteratorProducer takes. A function is called once for each pass, so that a further pass is possible; it is with
 * an array, too.
 */
export type IteratorSource = CopyIterable | (() => CopyIterable | Promise<CopyIterable>)

/**
 * Produces what an iterable gives. Lists of complete rows make slices of whole rows, and are counted. Loose chunks are
 * passed on cut anywhere: then only the receivers' counts can be compared, with each other.
 *
 * PostgreSQL takes a line `\.` for the end of the data and drops what comes behind it without a word: in text in every
 * version, in CSV before 18 (https://www.postgresql.org/docs/18/sql-copy.html). In lists of rows that is
 * a COPY_COUNT_MISMATCH. In loose chunks nobody notices, since all receivers load as few: give lists of rows where such
 * a line may come. As a value it is data when quoted in CSV, and with the backslash doubled in text.
 *
 * The source belongs to the copy: given up before its end, also while it is silent or was not read yet, a Readable is
 * destroyed, a web stream cancelled, and an iterator's `return()` called.
 */
export class IteratorProducer extends ProducerTotals implements Producer {
  readonly name: string
  readonly canRepeat: boolean
  readonly #source: IteratorSource
  /** What is iterated in the end: to be heard, and let go of where that does not begin. */
  readonly #given: unknown
  #run: CancellableIterator<CopyInput> | undefined
  #left: Promise<void> = Promise.resolve()
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
      const run = await this.#unlessStopped(() => this.#begin(stream))
      if (run === undefined) return {}
      stream.started()
      while (!stream.isStopped) {
        const turn = await this.#unlessStopped(() => run.next())
        if (stream.isStopped) break
        const { done, value } = turn as IteratorResult<CopyInput>
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
      this.#letGo()
    }
    return rows === undefined ? {} : { rows }
  }

  async abort(): Promise<void> {
    this.#letGo()
    this.#stop()
  }

  /** Waits until a source that was left has cleaned up. @throws what it threw in that */
  async close(deadlineMs: number): Promise<void> {
    const given = this.#given
    if (isIterable(given) && this.#run === undefined) this.#left = cancelUnread(given)
    stopIgnoringErrors(given)
    if (await settlesWithin(this.#left, deadlineMs)) return this.#left
    throw new CopyError('COPY_CALLABLE', `the source did not let go within ${deadlineMs} ms`, {
      phase: 'close',
    })
  }

  async #begin(stream: ProducerStream): Promise<CancellableIterator<CopyInput>> {
    const given = this.#source
    const source = typeof given === 'function' ? await given() : given
    if (!isIterable(source))
      throw new CopyError('COPY_OPTION', 'the function given as from returned nothing that can be iterated')
    const run = new CancellableIterator(source)
    this.#run = run
    // it came too late: nobody else will
    if (stream.isStopped) this.#letGo()
    return run
  }

  /** What `begin` comes to, or nothing as soon as `abort` is called: a source may never answer. */
  #unlessStopped<T>(begin: () => Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#stop = () => resolve(undefined)
      begin().then(resolve, reject)
    })
  }

  #letGo(): void {
    const left = this.#run?.cancel()
    if (left === undefined) return
    this.#left = left
    // close() tells of it
    left.catch(() => undefined)
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

/** Made one by one: of a long list, all at once would keep the event loop waiting. */
const bytesOfEach = function* (inputs: readonly (Uint8Array | string)[]): Generator<Uint8Array> {
  for (const input of inputs) yield bytesOf(input)
}
