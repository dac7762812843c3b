/**
 * One attempt of a receiver to take part in a pass. Each `begin` creates a new one, so that late results of an aborted
 * attempt are ignored. It also holds the receiver while a resumable fault waits for main's decision.
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

  /** A resumable fault was reported. */
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
