/** What a copy's times are measured from and to, in seconds. */
export class CopyClock {
  readonly #madeAt = performance.now()
  #openSeconds = 0
  #firstSliceAt: number | undefined
  #seconds: number | undefined

  /** COPY has started at both ends. Call it once; the clock is made when opening begins. */
  opened(): void {
    this.#openSeconds = (performance.now() - this.#madeAt) / 1000
  }

  /** A slice was published; the first one counts. */
  published(): void {
    this.#firstSliceAt ??= performance.now()
  }

  /** Every receiver is final. */
  finished(): void {
    this.#seconds = this.seconds
  }

  get openSeconds(): number {
    return this.#openSeconds
  }

  /** From the first slice until the end, or until now. */
  get seconds(): number {
    if (this.#seconds !== undefined || this.#firstSliceAt === undefined) return this.#seconds ?? 0
    return (performance.now() - this.#firstSliceAt) / 1000
  }
}
