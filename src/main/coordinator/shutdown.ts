import { settlesWithin } from '../../shared/async/deadline.js'
import { CopyAborted, CopyError, CopyFailed, messageOf } from '../../shared/errors/errors.js'
import type { AbortReason } from '../../shared/messages/messages.js'
import type { CopyObserver } from '../handles/copy-observer.js'
import type { ReceiverGroup } from '../handles/receiver-group.js'
import type { Producer } from '../producers/producer.js'
import type { Passes } from './passes.js'

/** How long a producer may miss its deadline before the copy goes on without it, in milliseconds. */
const GRACE_MS = 1000

/** What a copy holds. */
interface Resources {
  readonly producer: Producer
  readonly passes: Passes
  readonly group: ReceiverGroup
}

/** The end of a copy, whatever its cause: aborts what is not final, releases everything, and makes the copy's error. */
export class Shutdown {
  readonly #held: Resources
  readonly #deadlineMs: number
  readonly #observer: CopyObserver
  readonly #warnings: readonly CopyError[]
  #started: Promise<void> | undefined
  #isClean = true

  /** @param warnings all that the observer was warned of. Live. */
  constructor(held: Resources, deadlineMs: number, observer: CopyObserver, warnings: readonly CopyError[]) {
    this.#held = held
    this.#deadlineMs = deadlineMs
    this.#observer = observer
    this.#warnings = warnings
  }

  get isStarted(): boolean {
    return this.#started !== undefined
  }

  /** Aborts what is not final, then closes connections, threads and the source. Once; further calls wait for the first. */
  start(reason: AbortReason): Promise<void> {
    this.#started ??= this.#release(reason)
    return this.#started
  }

  /** The error of a copy that could not be completed. */
  failed(cause: CopyError): CopyFailed {
    const { committed, isInDoubt } = this.#held.group
    return new CopyFailed(cause, { committed, isInDoubt, warnings: this.#warnings })
  }

  /** The error of a copy that was ended on purpose. */
  aborted(message: string, facts: { readonly cause?: unknown } = {}): CopyAborted {
    const { committed } = this.#held.group
    return new CopyAborted(message, facts, { committed, warnings: this.#warnings })
  }

  async #release(reason: AbortReason): Promise<void> {
    const { producer, passes, group } = this.#held
    const ms = this.#deadlineMs
    await Promise.all([
      this.#attempt("the producer's abort()", 'abort', () => this.#bounded(passes.abort(ms))),
      this.#attempt('giving up the receivers', 'abort', () => group.abort(reason, ms)),
    ])
    await Promise.all([
      this.#attempt("the producer's close()", 'close', () => this.#bounded(producer.close?.(ms))),
      this.#attempt('ending the receivers', 'close', () => group.close(ms)),
    ])
    if (this.#isClean && group.isReleased) passes.release()
  }

  /** A step that fails is a warning: it keeps no other step from running, and does not change the copy's result. */
  async #attempt(what: string, phase: 'abort' | 'close', act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (cause) {
      this.#isClean = false
      const code = cause instanceof CopyError ? cause.code : 'COPY_CALLABLE'
      this.#observer.warned(new CopyError(code, `${what} failed: ${messageOf(cause)}`, { phase, cause }))
    }
  }

  /** Receivers keep to their deadline; a producer may be the caller's own code, which may ignore it. */
  async #bounded(work: Promise<void> | undefined): Promise<void> {
    const limitMs = this.#deadlineMs + GRACE_MS
    if (work !== undefined && !(await settlesWithin(work, limitMs)))
      throw new Error(`no answer within ${limitMs} ms`)
    await work
  }
}
