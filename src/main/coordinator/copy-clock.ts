/** The times of a copy, in seconds. */
export class CopyClock {
  #beganAt = 0
  #openSeconds = 0
  #firstSliceAt: number | undefined
  #seconds: number | undefined

  /** `open()` was called. */
  opening(): void {
    this.#beganAt = performance.now()
  }

  /** COPY has started at both ends. */
  opened(): void {
    this.#openSeconds = (performance.now() - this.#beganAt) / 1000
  }

  /** A slice was published; the first one counts. */
  published(): void {
    this.#firstSliceAt ??= performance.now()
  }

  /** Every receiver is final. */
  finished(): void {
    this.#seconds = this.seconds
  }

  /** From `open()` until COPY had started at both ends; 0 before. */
  get openSeconds(): number {
    return this.#openSeconds
  }

  /** From the first slice until the end, or until now. */
  get seconds(): number {
    if (this.#seconds !== undefined || this.#firstSliceAt === undefined) return this.#seconds ?? 0
    return (performance.now() - this.#firstSliceAt) / 1000
  }
}
