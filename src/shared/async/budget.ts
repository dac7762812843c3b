/**
 * A time limit in milliseconds that starts when the budget is made and that several steps share. A limit of 0 means no
 * limit.
 */
export class Budget {
  readonly limitMs: number
  readonly #endsAt: number

  private constructor(limitMs: number) {
    this.limitMs = limitMs
    this.#endsAt = performance.now() + limitMs
  }

  /** @param limitMs 0 for no limit */
  static of(limitMs: number): Budget {
    return new Budget(limitMs)
  }

  /** The rest in whole milliseconds: 0 without a limit. A used-up budget gives 1, since 0 would mean no limit. */
  get leftMs(): number {
    if (this.limitMs === 0) return 0
    return Math.max(1, Math.ceil(this.#endsAt - performance.now()))
  }
}
