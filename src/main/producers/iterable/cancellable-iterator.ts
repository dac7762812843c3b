import * as streams from 'node:stream'

/** A piece of COPY data cut anywhere, or a list of complete rows, each with its line end where the format has one. */
export type CopyInput = Uint8Array | string | readonly (Uint8Array | string)[]

type AnyIterable<T> = Iterable<T> | AsyncIterable<T>

/** Anything that can be iterated: arrays, generators, a Node Readable, a web stream. */
export type CopyIterable = Iterable<CopyInput> | AsyncIterable<CopyInput>

type Turns<T> = Iterator<T> | AsyncIterator<T>
type NodeStream = AsyncIterable<never> & streams.Readable
type WebStream = AsyncIterable<never> & ReadableStream<never>

/** How Node itself lets go of a stream whose `for await` was left: a server's request keeps its socket for the answer. */
const destroy = (streams as unknown as { destroy?: (stream: NodeStream, error: null) => void }).destroy

/**
 * One run over what a user gave as the source. Given up before its end, it lets go of it as `for await` does when it is
 * left, and also while the source is silent, which `for await` cannot.
 */
export class CancellableIterator<T> {
  readonly #source: AnyIterable<T>
  readonly #turns: Turns<T>
  readonly #isSync: boolean
  #isPending = false
  #isOver = false
  #lettingGo: Promise<void> | undefined

  constructor(source: AnyIterable<T>) {
    this.#source = source
    this.#turns = turnsOf(source)
    this.#isSync = !(Symbol.asyncIterator in source)
    ignoreErrors(source)
  }

  async next(): Promise<IteratorResult<T>> {
    let turn: IteratorResult<T> | undefined
    this.#isPending = true
    try {
      turn = await this.#turns.next()
      return turn
    } finally {
      this.#isPending = false
      this.#isOver = turn === undefined || turn.done === true
    }
  }

  /**
   * No more is wanted; of a source that has ended, nothing is. Settles when it has cleaned up; at once when it is a
   * generator in the middle of a turn, which may never end: it is told behind that.
   */
  cancel(): Promise<void> {
    // a generator cannot be told while it runs; it is told afterwards
    if (this.#isSync && this.#isPending) return Promise.resolve()
    this.#lettingGo ??= this.#letGo()
    return this.#lettingGo
  }

  async #letGo(): Promise<void> {
    const source = this.#source
    try {
      if (this.#isOver) return
      if (isNodeStream(source)) destroyStream(source)
      const isStuck = this.#isPending && !isNodeStream(source) && !isWebStream(source)
      const returned = Promise.resolve(this.#turns.return?.())
      if (isStuck) returned.catch(() => undefined)
      else await returned
    } finally {
      stopIgnoringErrors(source)
    }
  }
}

/** Lets go of a source that was never read. */
export const cancelUnread = async (source: AnyIterable<unknown>): Promise<void> => {
  if (isNodeStream(source)) {
    ignoreErrors(source)
    destroyStream(source)
    stopIgnoringErrors(source)
  } else if (isWebStream(source)) {
    if (!source.locked) await source.cancel()
  } else {
    // one that is its own iterator, such as a generator
    await (source as Partial<Turns<unknown>>).return?.()
  }
}

/** An error between two turns comes by the next one. Unheard, it would end the process. Until `unhear`, once for each. */
export const ignoreErrors = (source: unknown): void => {
  if (isNodeStream(source)) source.on('error', ignore)
}

/** Goes on hearing until the stream has closed, since it may fail in that; its events come a turn after it has. */
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

const turnsOf = <T>(source: AnyIterable<T>): Turns<T> => {
  if (isWebStream(source)) return turnsOfReader(source.getReader())
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

/** A web stream's own iterator cancels it behind the read that is under way, so never while it is silent. */
const turnsOfReader = <T>(reader: ReadableStreamDefaultReader<T>): AsyncIterator<T> => ({
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
