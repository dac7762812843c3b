import { CopyError } from '../../shared/errors/errors.js'
import { CallTarget, type SliceCallable } from '../../shared/runner/call-target.js'
import { type Placement, Receiver } from './receiver.js'

/**
 * Hands each slice to a function: a function on the main thread, or the export of a module, given by its URL, in a
 * worker thread. The next slice comes when what it returned has settled; what it throws is this receiver's fault.
 *
 * Nobody can stop a function. Dropped for its lag (`lag: { policy: 'drop' }`), it is given no more slices, and what it
 * does with the last one goes on beside the copy. Reconciled from the start, it begins again when that has settled, and
 * `slice.pass` tells; `retry` never does that by itself, since what it did with the rows is not ours to undo.
 */
export class CallReceiver extends Receiver {
  readonly #call: SliceCallable | URL | string
  readonly #options: CallReceiverOptions
  override readonly lendsSlots: boolean

  /** @throws CopyError COPY_OPTION when it is neither a function nor a URL */
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
   * Lends the slot itself instead of a private copy: valid only until the returned promise settles. The others wait for
   * that, also under `lag: { policy: 'drop' }`.
   */
  readonly zeroCopy?: boolean
  /** With a module URL: the name of the export to call; `default` unless given. */
  readonly exportName?: string
}
