import { CopyError } from '../../shared/errors/errors.js'
import { type Placement, Receiver } from './receiver.js'
import {
  type AnyWritable,
  destroyUnwritten,
  isNodeWritable,
  isWebWritable,
  StreamTarget,
} from './stream-target.js'

export interface StreamReceiverOptions {
  readonly name?: string
}

/**
 * Writes the COPY data to a Node Writable or a web WritableStream, e.g. a file, a compressor or an HTTP request. It runs
 * on the main thread and copies each byte once. The stream's backpressure slows the copy down.
 *
 * The stream belongs to the copy, as with `pipeline()`. The stream is ended in this receiver's turn to commit, after all
 * other receivers are complete, and the receiver is `committed` when the stream has finished. When the copy fails, is
 * aborted before, or goes on without this receiver, the stream is destroyed: bytes that were written to a file stay there.
 * stdout and stderr are neither ended nor destroyed. An error of the stream is a fault of this receiver: COPY_CALLABLE, or
 * COPY_COMMIT when the stream cannot finish.
 *
 * A function is called for each pass, and gives the stream of that pass: only such a receiver can be reconciled from the
 * start.
 */
export class StreamReceiver extends Receiver {
  override readonly canRestart: boolean
  readonly #stream: AnyWritable | (() => AnyWritable | Promise<AnyWritable>)
  #isPlaced = false

  /** @throws CopyError COPY_OPTION when `stream` is neither a stream nor a function */
  constructor(
    stream: AnyWritable | (() => AnyWritable | Promise<AnyWritable>),
    options: StreamReceiverOptions = {},
  ) {
    super(options.name)
    if (typeof stream !== 'function' && !isWritable(stream)) {
      throw new CopyError(
        'COPY_OPTION',
        'a StreamReceiver takes a Writable, a web WritableStream, or a function that gives one',
      )
    }
    this.#stream = stream
    this.canRestart = typeof stream === 'function'
  }

  async place(): Promise<Placement> {
    const stream = this.#stream
    const make = typeof stream === 'function' ? stream : (): AnyWritable => stream
    this.#isPlaced = true
    return { thread: 'main', makeTarget: () => new StreamTarget(make) }
  }

  override release(): void {
    if (!this.#isPlaced && typeof this.#stream !== 'function') destroyUnwritten(this.#stream)
  }
}

/** Whether it is a Node Writable or a web WritableStream. */
export const isWritable = (stream: unknown): stream is AnyWritable =>
  isNodeWritable(stream) || isWebWritable(stream)
