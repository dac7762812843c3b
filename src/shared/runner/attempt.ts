/**
 * One begin of a receiver's life and what became of it, until the next begin: what is left of one that was aborted must
 * not speak for the next. It also holds the receiver while a fault that can be mended waits for main's decision.
 */
export class Attempt {
  #aborted = false
  #decided: Promise<void> = Promise.resolve()
  #decide: () => void = () => undefined
  #held = false

  get aborted(): boolean {
    return this.#aborted
  }

  /** Settles when no fault waits for a decision: at once, at `reconcile()`, or at `abort()`. */
  get decided(): Promise<void> {
    return this.#decided
  }

  /** Whether a fault waits for a decision. */
  get isHeld(): boolean {
    return this.#held
  }

  /** A fault was reported that can be mended. */
  hold(): void {
    this.#held = true
    this.#decided = new Promise((resolve) => {
      this.#decide = resolve
    })
  }

  reconcile(): void {
    this.#held = false
    this.#decide()
  }

  abort(): void {
    this.#aborted = true
    this.#decide()
  }
}
