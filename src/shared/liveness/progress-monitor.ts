import type { CopyPhase } from '../errors/codes.js'
import { type Diagnose, diagnosisOf } from './diagnosis.js'
import type { Slowness, WaitDiagnosis } from './slowness.js'

/** How often a watch looks within its limit: a report comes at most a quarter of the limit too late. */
export const LOOKS = 4

/** How far an end of the copy is. While neither field changes, it makes no progress. */
export interface ProgressMark {
  readonly phase: CopyPhase
  readonly mark?: unknown
}

/**
 * Reports an end of the copy that makes no progress: after `slowMs`, and again each time that the time since its last
 * progress has doubled. The stall detector is separate: past its limit there is a fault, and it asks no server.
 */
export class ProgressMonitor {
  readonly #slowMs: number
  readonly #diagnose: Diagnose
  readonly #report: (slowness: Slowness) => void
  #timer: NodeJS.Timeout | undefined
  #isAsking = false
  #isStopped = false

  /**
   * @param slowMs 0 for no reports
   * @param diagnose asks what the end waits for; `gone` when the end is lost, which is reported in another way
   */
  constructor(slowMs: number, diagnose: Diagnose, report: (slowness: Slowness) => void) {
    this.#slowMs = slowMs
    this.#diagnose = diagnose
    this.#report = report
  }

  /**
   * Watches while `work` is under way. One work at a time.
   * @param markOf how far the work is now; undefined while no progress is due
   * @returns the result of `work`
   */
  async during<T>(markOf: () => ProgressMark | undefined, work: Promise<T>): Promise<T> {
    if (this.#slowMs > 0 && !this.#isStopped) this.#watch(markOf)
    try {
      return await work
    } finally {
      clearInterval(this.#timer)
    }
  }

  /** Reports nothing more. */
  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #watch(markOf: () => ProgressMark | undefined): void {
    let seen = markOf()
    let since = performance.now()
    let dueMs = this.#slowMs
    const isUnchanged = (): boolean => {
      const now = markOf()
      if (now !== undefined && now.phase === seen?.phase && now.mark === seen.mark) return true
      seen = now
      since = performance.now()
      dueMs = this.#slowMs
      return false
    }
    const timer = setInterval(() => {
      if (this.#isAsking || !isUnchanged() || performance.now() - since < dueMs) return
      dueMs *= 2
      const { phase } = seen as ProgressMark
      this.#ask((diagnosis) => {
        // it may have made progress meanwhile, or be over
        if (this.#isStopped || this.#timer !== timer || !isUnchanged()) return
        this.#report({ type: 'slow', phase, seconds: (performance.now() - since) / 1000, ...diagnosis })
      })
    }, this.#slowMs / LOOKS)
    // the work keeps the process alive; the watch does not
    timer.unref()
    this.#timer = timer
  }

  async #ask(then: (diagnosis: WaitDiagnosis | undefined) => void): Promise<void> {
    this.#isAsking = true
    const diagnosis = await diagnosisOf(this.#diagnose)
    this.#isAsking = false
    if (diagnosis !== 'gone') then(diagnosis)
  }
}
