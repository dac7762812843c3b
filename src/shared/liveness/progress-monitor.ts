import type { CopyPhase } from '../errors/codes.js'
import { messageOf } from '../errors/errors.js'
import type { Slowness, WaitDiagnosis } from './slowness.js'

/** Looks this often within the time: slowness is noticed at most a quarter too late. */
const LOOKS = 4

/** Where something stands: while neither changes, it makes no progress. */
export interface ProgressMark {
  readonly phase: CopyPhase
  readonly mark?: unknown
}

/** Tells when something makes no progress: after a while, and again whenever it has taken twice as long as when last told. */
export class ProgressMonitor {
  readonly #slowMs: number
  readonly #diagnose: () => Promise<WaitDiagnosis | 'gone' | undefined> | undefined
  readonly #tell: (slowness: Slowness) => void
  #timer: NodeJS.Timeout | undefined
  #isAsking = false
  #isStopped = false

  /**
   * @param slowMs 0 for never
   * @param diagnose asks what it waits for; `gone` when that is told in another way
   */
  constructor(
    slowMs: number,
    diagnose: () => Promise<WaitDiagnosis | 'gone' | undefined> | undefined,
    tell: (slowness: Slowness) => void,
  ) {
    this.#slowMs = slowMs
    this.#diagnose = diagnose
    this.#tell = tell
  }

  /**
   * Watches while `work` is under way. One at a time.
   * @param standing where it stands now; undefined while no progress is due
   * @returns what `work` comes to
   */
  async during<T>(standing: () => ProgressMark | undefined, work: Promise<T>): Promise<T> {
    if (this.#slowMs > 0 && !this.#isStopped) this.#watch(standing)
    try {
      return await work
    } finally {
      clearInterval(this.#timer)
    }
  }

  /** Tells nothing more. */
  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #watch(standing: () => ProgressMark | undefined): void {
    let seen = standing()
    let since = performance.now()
    let dueMs = this.#slowMs
    const isSame = (): boolean => {
      const now = standing()
      if (now !== undefined && now.phase === seen?.phase && now.mark === seen.mark) return true
      seen = now
      since = performance.now()
      dueMs = this.#slowMs
      return false
    }
    const timer = setInterval(() => {
      if (this.#isAsking || !isSame() || performance.now() - since < dueMs) return
      dueMs *= 2
      const { phase } = seen as ProgressMark
      this.#ask((diagnosis) => {
        // it may have moved meanwhile, or be over
        if (this.#isStopped || this.#timer !== timer || !isSame()) return
        this.#tell({ type: 'slow', phase, seconds: (performance.now() - since) / 1000, ...diagnosis })
      })
    }, this.#slowMs / LOOKS)
    // whoever is waited for keeps the process alive; watching does not
    timer.unref()
    this.#timer = timer
  }

  async #ask(then: (diagnosis: WaitDiagnosis | undefined) => void): Promise<void> {
    this.#isAsking = true
    let diagnosis: WaitDiagnosis | 'gone' | undefined
    try {
      diagnosis = await this.#diagnose()
    } catch (error) {
      diagnosis = { unasked: messageOf(error) }
    }
    this.#isAsking = false
    if (diagnosis !== 'gone') then(diagnosis)
  }
}
