import { CopyError } from '../../shared/errors/errors.js'
import { type Placement, Receiver } from './receiver.js'
import {
  type AnyWritable,
  giveUpUnwritten,
  isNodeWritable,
  isWebWritable,
  StreamTarget,
} from './stream-target.js'

export interface StreamReceiverOptions {
  readonly name?: string
}

/**
 * Writes the COPY data to a Node Writable or a web WritableStream, such as a file, a compressor or an HTTP request; on
 * the main thread, each byte copied once. Its backpressure is the copy's.
 *
 * The stream belongs to the copy, as with `pipeline()`. It is ended when all others are complete and it is its turn to
 * commit, and the receiver is `committed` when it has finished. When the copy fails or is aborted before, or goes on
 * without it, it is destroyed: what was written to a file by then stays there. stdout and stderr are neither ended nor
 * destroyed. What the stream fails for is this receiver's fault: COPY_CALLABLE, or COPY_COMMIT when it cannot finish.
 *
 * Given a function, that is called for each pass: only then it can be reconciled from the start.
 */
export class StreamReceiver extends Receiver {
  override readonly canRestart: boolean
  readonly #stream: AnyWritable | (() => AnyWritable | Promise<AnyWritable>)
  #isPlaced = false

  /** @throws CopyError COPY_OPTION when it is neither a stream nor a function */
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

  override left(): void {
    if (!this.#isPlaced && typeof this.#stream !== 'function') giveUpUnwritten(this.#stream)
  }
}

/** Whether it is a stream of either kind that can be written to. */
export const isWritable = (stream: unknown): stream is AnyWritable =>
  isNodeWritable(stream) || isWebWritable(stream)
