import { CopyError, messageOf } from '../shared/errors.js'
import type { Producer, ProducerEnd } from './producer.js'
import type { ProducerStream } from './producer-stream.js'

/** A piece of COPY data cut anywhere, or a list of complete rows, each with its line end where the format has one. */
export type CopyInput = Uint8Array | string | readonly (Uint8Array | string)[]

/** Anything that can be iterated: arrays, generators, a Node Readable, a web stream. */
export type CopyIterable = Iterable<CopyInput> | AsyncIterable<CopyInput>

/** What an IteratorProducer takes. A function is called once for each pass, so that a further pass is possible. */
export type IteratorSource = CopyIterable | (() => CopyIterable | Promise<CopyIterable>)

/**
 * Produces what an iterable gives. Lists of complete rows make slices of whole rows, and are counted. Loose chunks are
 * passed on cut anywhere: then only the receivers' counts can be compared, with each other.
 */
export class IteratorProducer implements Producer {
  readonly name: string
  readonly canRepeat: boolean
  totalMessages = 0
  totalBytes = 0
  count: number | undefined
  command: string | undefined
  readonly #source: IteratorSource
  #iterator: Iterator<CopyInput> | AsyncIterator<CopyInput> | undefined
  #stop: () => void = () => undefined

  /** @throws CopyError COPY_OPTION when the source cannot be iterated */
  constructor(source: IteratorSource, options: { readonly name?: string } = {}) {
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
    this.canRepeat = typeof source === 'function'
    this.name = options.name ?? 'source'
  }

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    let rows: number | undefined = 0
    let exhausted = false
    try {
      const source = typeof this.#source === 'function' ? await this.#source() : this.#source
      if (!isIterable(source))
        throw new CopyError('COPY_OPTION', 'the function given as from returned nothing that can be iterated')
      const iterator = iterate(source)
      this.#iterator = iterator
      stream.started()
      for (;;) {
        const turn = await this.#next(iterator)
        exhausted = turn.done === true && !stream.isStopped
        if (turn.done || stream.isStopped) break
        if (isChunk(turn.value)) {
          rows = undefined
          if (turn.value.length > 0) await stream.chunk(bytesOf(turn.value))
        } else {
          await stream.rows(turn.value.map(bytesOf))
          if (rows !== undefined) rows += turn.value.length
        }
      }
    } catch (cause) {
      if (cause instanceof CopyError) throw cause
      const message = messageOf(cause)
      throw new CopyError('COPY_CALLABLE', `the source threw: ${message}`, { phase: 'copy', cause })
    } finally {
      if (!exhausted) this.#return()
      this.#iterator = undefined
    }
    return rows === undefined ? {} : { rows }
  }

  async abort(): Promise<void> {
    this.#stop()
  }

  /** The next turn of the source, or the end as soon as `abort` is called: a source may never answer. */
  #next(iterator: Iterator<CopyInput> | AsyncIterator<CopyInput>): Promise<IteratorResult<CopyInput>> {
    return new Promise((resolve, reject) => {
      this.#stop = () => resolve({ done: true, value: undefined })
      Promise.resolve(iterator.next()).then(resolve, reject)
    })
  }

  /** Tells the source that no more is wanted, without waiting: it may be the one that never answers. */
  #return(): void {
    const returned = this.#iterator?.return?.()
    // its own clean-up failing changes nothing for the copy, which was given up
    if (returned instanceof Promise) returned.catch(() => undefined)
  }
}

const isIterable = (source: unknown): source is CopyIterable =>
  source !== null &&
  source !== undefined &&
  (typeof (source as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function' ||
    typeof (source as Iterable<unknown>)[Symbol.iterator] === 'function')

const iterate = (source: CopyIterable): Iterator<CopyInput> | AsyncIterator<CopyInput> =>
  Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()

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
