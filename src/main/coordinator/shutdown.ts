import { settlesWithin } from '../../shared/async/deadline.js'
import { CopyAborted, CopyError, CopyFailed, messageOf } from '../../shared/errors/errors.js'
import type { AbortReason } from '../../shared/messages/messages.js'
import type { ReceiverGroup } from '../handles/receiver-group.js'
import type { Producer } from '../producers/producer.js'
import type { Passes } from './passes.js'

/** What a producer is given beyond the deadline it was told, before it is left to itself. */
const GRACE_MS = 1000

/** What a copy holds. */
interface Resources {
  readonly producer: Producer
  readonly passes: Passes
  readonly group: ReceiverGroup
}

/** The end of a copy, whatever brought it about: lets go of everything, and says what the copy came to. */
export class Shutdown {
  /**
   * What failed on the way: it keeps nobody from stopping, and changes nothing of what the copy came to. And each COMMIT
   * whose answer was lost, of which the server says that it is done. Live.
   */
  readonly warnings: CopyError[] = []
  readonly #held: Resources
  readonly #deadlineMs: number
  #begun: Promise<void> | undefined
  #isClean = true

  constructor(held: Resources, deadlineMs: number) {
    this.#held = held
    this.#deadlineMs = deadlineMs
  }

  get isStarted(): boolean {
    return this.#begun !== undefined
  }

  /** Stops what is not final, then lets go of connections, threads and the source. Once. */
  start(reason: AbortReason): Promise<void> {
    this.#begun ??= this.#letGo(reason)
    return this.#begun
  }

  /** The error of a copy that could not be completed. */
  failed(cause: CopyError): CopyFailed {
    const { committed, isInDoubt } = this.#held.group
    return new CopyFailed(cause, { committed, isInDoubt, warnings: this.warnings })
  }

  /** The error of a copy that was ended on purpose. */
  aborted(message: string, facts: { readonly cause?: unknown } = {}): CopyAborted {
    const { committed } = this.#held.group
    return new CopyAborted(message, facts, { committed, warnings: this.warnings })
  }

  async #letGo(reason: AbortReason): Promise<void> {
    const { producer, passes, group } = this.#held
    const ms = this.#deadlineMs
    await Promise.all([
      this.#attempt("the producer's abort()", 'abort', () => this.#bounded(passes.stop(ms))),
      this.#attempt('giving up the receivers', 'abort', () => group.giveUp(reason, ms)),
    ])
    await Promise.all([
      this.#attempt("the producer's close()", 'close', () => this.#bounded(producer.close?.(ms))),
      this.#attempt('ending the receivers', 'close', () => group.end(ms)),
    ])
    if (this.#isClean && group.hasLetGo) passes.release()
  }

  async #attempt(what: string, phase: 'abort' | 'close', act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (cause) {
      this.#isClean = false
      const code = cause instanceof CopyError ? cause.code : 'COPY_CALLABLE'
      this.warnings.push(new CopyError(code, `${what} failed: ${messageOf(cause)}`, { phase, cause }))
    }
  }

  /** Receivers keep to their deadline by themselves; a producer may be anybody's. */
  async #bounded(work: Promise<void> | undefined): Promise<void> {
    const limitMs = this.#deadlineMs + GRACE_MS
    if (work !== undefined && !(await settlesWithin(work, limitMs)))
      throw new Error(`no answer within ${limitMs} ms`)
    await work
  }
}
