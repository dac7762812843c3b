import { diagnosisOf } from '../liveness/diagnosis.js'
import { type ProgressMark, ProgressMonitor } from '../liveness/progress-monitor.js'
import { StallDetector } from '../liveness/stall-detector.js'
import type { AbortReason, ReceiverCommand, ReceiverReport } from '../messages/messages.js'
import type { SliceReader } from '../ring/slice-reader.js'
import { Attempt } from './attempt.js'
import { Drain } from './drain.js'
import type { Target } from './target.js'

type Begin = Extract<ReceiverCommand, { type: 'begin' }>

/** A report to main. A fault's cause is the thrown value itself; the link converts it where it must cross a thread. */
export type Report =
  | Exclude<ReceiverReport, { type: 'fault' }>
  | { readonly type: 'fault'; readonly cause: unknown; readonly resumable: boolean }

/**
 * Runs one receiver in its own thread, a worker or the main one: it executes the commands of main, with a target on one
 * side and a reader of slices on the other. Main sends one command at a time and awaits its report; abort may come at any
 * moment.
 */
export class ReceiverRunner {
  /** Settles after the command `close`. */
  readonly over: Promise<void>
  readonly #makeTarget: () => Target | Promise<Target>
  readonly #makeReader: (sequence: number) => SliceReader
  readonly #report: (report: Report) => void
  #making: Promise<Target> | undefined
  #target: Target | undefined
  #drain: Drain | undefined
  #attempt = new Attempt()
  #slow: ProgressMonitor | undefined
  #close!: () => void

  /**
   * @param makeTarget called at the first begin, and again at the next begin after it failed
   * @param makeReader called at each begin: hands out slices from this sequence on
   */
  constructor(
    makeTarget: () => Target | Promise<Target>,
    makeReader: (sequence: number) => SliceReader,
    report: (report: Report) => void,
  ) {
    this.#makeTarget = makeTarget
    this.#makeReader = makeReader
    this.#report = report
    this.over = new Promise((resolve) => {
      this.#close = resolve
    })
  }

  /** Executes a command of main. Errors are reported as faults. */
  handle(command: ReceiverCommand): void {
    if (command.type === 'begin') this.#attempt = new Attempt()
    const attempt = this.#attempt
    this.#execute(command, attempt).catch((cause: unknown) => {
      // after an abort, the steps under way end with errors that the abort itself has caused
      if (!attempt.aborted) this.#report({ type: 'fault', cause, resumable: false })
    })
  }

  async #execute(command: ReceiverCommand, attempt: Attempt): Promise<void> {
    switch (command.type) {
      case 'begin':
        return this.#begin(command, attempt)
      case 'reconcile':
        return attempt.reconcile()
      case 'commit':
        return this.#commit(attempt)
      case 'diagnose':
        return this.#diagnose(attempt)
      case 'abort':
        return this.#abort(command.reason, command.deadlineMs, attempt)
      case 'close':
        // a thread that ends while it loads modules leaves their files open in the process for good
        await this.#making?.catch(() => undefined)
        await this.#target?.close(command.deadlineMs)
        return this.#close()
      default:
        throw new TypeError(`unknown command ${JSON.stringify(command satisfies never)}`)
    }
  }

  /** Reports the answer of the target's server, also when the server could not be asked: that is no fault. */
  async #diagnose(attempt: Attempt): Promise<void> {
    const diagnosis = await diagnosisOf(() => this.#target?.diagnose?.())
    if (attempt.aborted || diagnosis === undefined || diagnosis === 'gone') return
    this.#report({ type: 'diagnosis', diagnosis })
  }

  async #begin({ pass, sequence, stallMs, slowMs }: Begin, attempt: Attempt): Promise<void> {
    const target = await this.#make()
    if (attempt.aborted) return
    const slow = new ProgressMonitor(
      slowMs,
      () => target.diagnose?.(),
      (event) => this.#report({ type: 'event', event }),
    )
    this.#slow = slow
    await slow.during(() => ({ phase: target.phase ?? 'start' }), target.open(pass))
    if (attempt.aborted) return
    this.#report({ type: 'receiving', pass })
    const reader = this.#makeReader(sequence)
    // a stalled target keeps the slices it was handed and goes on after them: sending those again would load rows twice
    const watch = new StallDetector(reader, stallMs, (cause) => this.#resumable(cause, attempt))
    try {
      // 'stopped': the copy was aborted; main sends the next command
      const taking = this.#take(reader, target, attempt)
      if ((await slow.during(() => progressOf(reader, attempt), taking)) === 'stopped') return
    } finally {
      watch.stop()
    }
    // the caller has not decided about a stall yet, so the receiver must not complete
    await attempt.decided
    if (attempt.aborted) return
    const completing = Promise.race([target.complete(), target.failed])
    const completion = await slow.during(() => ({ phase: 'complete' }), completing)
    if (attempt.aborted) return
    this.#report({ type: 'completed', completion })
    // this receiver waits for the others now; main must learn of a lost connection before the first of them commits
    await target.failed
  }

  /** The target, made at the first begin, or at the next begin when that failed. */
  async #make(): Promise<Target> {
    this.#making ??= Promise.resolve(this.#makeTarget())
    try {
      this.#target = await this.#making
      return this.#target
    } catch (error) {
      this.#making = undefined
      throw error
    }
  }

  /** Drains to the end of the pass. After a fault of a target that redelivers, goes on from the slice that failed. */
  async #take(reader: SliceReader, target: Target, attempt: Attempt): Promise<'ended' | 'stopped'> {
    for (;;) {
      const drain = new Drain(reader, target)
      this.#drain = drain
      try {
        return await Promise.race([drain.run(), target.failed])
      } catch (cause) {
        drain.stop()
        if (attempt.aborted || !target.redelivers) throw cause
        this.#resumable(cause, attempt)
      }
      await attempt.decided
      if (attempt.aborted) return 'stopped'
      reader.rewind()
    }
  }

  #resumable(cause: unknown, attempt: Attempt): void {
    // one fault at a time: the caller decides about the first
    if (attempt.aborted || attempt.isHeld) return
    attempt.hold()
    this.#report({ type: 'fault', cause, resumable: true })
  }

  async #commit(attempt: Attempt): Promise<void> {
    // after a ROLLBACK the server would answer COMMIT too, with a warning only
    if (attempt.aborted) return
    const target = this.#target as Target
    const committing = Promise.race([target.commit(), target.failed])
    await (this.#slow as ProgressMonitor).during(() => ({ phase: 'commit' }), committing)
    this.#report({ type: 'committed' })
  }

  async #abort(reason: AbortReason, deadlineMs: number, attempt: Attempt): Promise<void> {
    attempt.abort()
    this.#slow?.stop()
    this.#drain?.stop()
    const aligned = (await this.#target?.abort(reason, deadlineMs)) ?? true
    // a callable that settles later than its deadline must not move the cursor of another pass
    this.#drain?.detach()
    this.#report({ type: 'aborted', aligned })
  }
}

/** Progress is due while a slice is in flight and no fault waits for a decision. */
const progressOf = (reader: SliceReader, attempt: Attempt): ProgressMark | undefined =>
  reader.inFlight === 0 || attempt.isHeld ? undefined : { phase: 'copy', mark: reader.released }
