import type { PassTimes } from './copy-observer.js'

/** Counts the passes of one receiver, and times the last. */
export class PassTimer implements PassTimes {
  #passes = 0
  #beganAt = 0
  #seconds = 0

  /** Passes that it took part in. */
  get passes(): number {
    return this.#passes
  }

  /** From the begin of the last completed pass to its completion; 0 before. */
  get seconds(): number {
    return this.#seconds
  }

  begin(): void {
    this.#passes += 1
    this.#beganAt = performance.now()
  }

  complete(): void {
    this.#seconds = (performance.now() - this.#beganAt) / 1000
  }
}
