import { CopyError } from '../../shared/errors/errors.js'
import { CallTarget, type SliceCallable } from '../../shared/runner/call-target.js'
import { type Placement, Receiver } from './receiver.js'

/**
 * Hands each slice to a function: a function on the main thread, or the export of a module, given by its URL, in a
 * worker thread. The next slice follows when the returned promise has settled. An error that the function throws is a
 * fault of this receiver.
 *
 * A running function cannot be stopped. After a drop for lag (`lag: { policy: 'drop' }`) the function gets no more slices,
 * and its work on the last slice goes on beside the copy. After a reconcile from the start the function is called again
 * from the first slice, when its last call has settled; `slice.pass` has the number of the pass. `retry` never reconciles
 * such a receiver, since only the caller can undo what the function did with the rows.
 */
export class CallReceiver extends Receiver {
  readonly #call: SliceCallable | URL | string
  readonly #options: CallReceiverOptions
  override readonly lendsSlots: boolean

  /** @throws CopyError COPY_OPTION when `call` is neither a function nor a URL */
  constructor(call: SliceCallable | URL | string, options: CallReceiverOptions = {}) {
    super(options.name)
    if (typeof call !== 'function' && !URL.canParse(String(call))) {
      throw new CopyError(
        'COPY_OPTION',
        'a CallReceiver takes a function, or the URL of a module, such as new URL("./load.js", import.meta.url)',
      )
    }
    this.#call = call
    this.#options = options
    this.lendsSlots = options.zeroCopy === true
  }

  async place(): Promise<Placement> {
    const { zeroCopy = false, exportName = 'default' } = this.#options
    const call = this.#call
    if (typeof call === 'function')
      return { thread: 'main', makeTarget: () => new CallTarget(call, zeroCopy) }
    return { thread: 'worker', plan: { kind: 'module', url: String(call), exportName, zeroCopy } }
  }
}

export interface CallReceiverOptions {
  readonly name?: string
  /**
   * Passes the slot of the ring itself instead of a private copy; default: false. The bytes are valid only until the
   * returned promise settles. The other receivers wait for that, also under `lag: { policy: 'drop' }`.
   */
  readonly zeroCopy?: boolean
  /** With a module URL: the name of the export to call; default: `default`. */
  readonly exportName?: string
}
