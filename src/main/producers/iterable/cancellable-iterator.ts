import * as streams from 'node:stream'

/** A piece of COPY data cut anywhere, or a list of complete rows, each with its line end where the format has one. */
export type CopyInput = Uint8Array | string | readonly (Uint8Array | string)[]

type AnyIterable<T> = Iterable<T> | AsyncIterable<T>

/** Anything that can be iterated: arrays, generators, a Node Readable, a web stream. */
export type CopyIterable = Iterable<CopyInput> | AsyncIterable<CopyInput>

type AnyIterator<T> = Iterator<T> | AsyncIterator<T>
type NodeStream = AsyncIterable<never> & streams.Readable
type WebStream = AsyncIterable<never> & ReadableStream<never>

/** How Node itself destroys a stream when its `for await` is left: a server's request keeps its socket for the answer. */
const destroy = (streams as unknown as { destroy?: (stream: NodeStream, error: null) => void }).destroy

/**
 * One iteration over the source that a user gave. `cancel()` before its end cleans up the source as leaving a `for await`
 * does, and also while the source is silent, which `for await` cannot.
 */
export class CancellableIterator<T> {
  readonly #source: AnyIterable<T>
  readonly #iterator: AnyIterator<T>
  readonly #isSync: boolean
  #isPending = false
  #isOver = false
  #cancelling: Promise<void> | undefined

  constructor(source: AnyIterable<T>) {
    this.#source = source
    this.#iterator = iteratorOf(source)
    this.#isSync = !(Symbol.asyncIterator in source)
    ignoreErrors(source)
  }

  async next(): Promise<IteratorResult<T>> {
    let result: IteratorResult<T> | undefined
    this.#isPending = true
    try {
      result = await this.#iterator.next()
      return result
    } finally {
      this.#isPending = false
      this.#isOver = result === undefined || result.done === true
    }
  }

  /**
   * Cancels the iteration; does nothing if it has ended. Resolves when the source has cleaned up. A generator that is
   * still running `next()` cannot be cancelled until that settles, so for it this resolves at once and `return()` takes
   * effect later.
   * @throws the source's error in cleaning up
   */
  cancel(): Promise<void> {
    // a sync generator throws when `return()` is called while it runs; the caller cancels again afterwards
    if (this.#isSync && this.#isPending) return Promise.resolve()
    this.#cancelling ??= this.#cleanUp()
    return this.#cancelling
  }

  async #cleanUp(): Promise<void> {
    const source = this.#source
    try {
      if (this.#isOver) return
      if (isNodeStream(source)) destroyStream(source)
      const isStuck = this.#isPending && !isNodeStream(source) && !isWebStream(source)
      const returned = Promise.resolve(this.#iterator.return?.())
      if (isStuck) returned.catch(() => undefined)
      else await returned
    } finally {
      stopIgnoringErrors(source)
    }
  }
}

/** Cancels a source that was never read. */
export const cancelUnread = async (source: AnyIterable<unknown>): Promise<void> => {
  if (isNodeStream(source)) {
    ignoreErrors(source)
    destroyStream(source)
    stopIgnoringErrors(source)
  } else if (isWebStream(source)) {
    if (!source.locked) await source.cancel()
  } else {
    // an iterable that is its own iterator, e.g. a generator
    await (source as Partial<AnyIterator<unknown>>).return?.()
  }
}

/**
 * Ignores the error events of a stream; each call needs a `stopIgnoringErrors` later. An error between two results is
 * reported by the next result; without a listener, its event would end the process.
 */
export const ignoreErrors = (source: unknown): void => {
  if (isNodeStream(source)) source.on('error', ignore)
}

/** Ends `ignoreErrors` when the stream has closed, since closing may fail too; its events come a turn after `closed`. */
export const stopIgnoringErrors = (source: unknown): void => {
  if (!isNodeStream(source)) return
  const stop = (): unknown => source.off('error', ignore)
  if (source.closed) setImmediate(stop)
  else source.once('close', stop)
}

export const isIterable = (source: unknown): source is CopyIterable =>
  source !== null &&
  source !== undefined &&
  (typeof (source as AsyncIterable<unknown>)[Symbol.asyncIterator] === 'function' ||
    typeof (source as Iterable<unknown>)[Symbol.iterator] === 'function')

const ignore = (): void => undefined

const isNodeStream = (source: unknown): source is NodeStream => {
  const { pipe, on, destroy } = (source ?? {}) as Partial<NodeStream>
  return [pipe, on, destroy].every((method) => typeof method === 'function')
}

const isWebStream = (source: unknown): source is WebStream => {
  const { getReader, cancel } = (source ?? {}) as Partial<WebStream>
  return typeof getReader === 'function' && typeof cancel === 'function'
}

const destroyStream = (stream: NodeStream): void => {
  if (destroy === undefined) stream.destroy()
  else destroy(stream, null)
}

const iteratorOf = <T>(source: AnyIterable<T>): AnyIterator<T> => {
  if (isWebStream(source)) return iteratorOfReader(source.getReader())
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** A web stream's own iterator cancels it only after the pending read, so never while the stream is silent. */
const iteratorOfReader = <T>(reader: ReadableStreamDefaultReader<T>): AsyncIterator<T> => ({
  async next() {
    let isOver = true
    try {
      const { done, value } = await reader.read()
      isOver = done
      return done ? { done, value: undefined } : { done, value }
    } finally {
      if (isOver) reader.releaseLock()
    }
  },
  async return() {
    const cancelled = reader.cancel()
    reader.releaseLock()
    await cancelled
    return { done: true, value: undefined }
  },
})
