/** Counts events, and wakes one waiter at each. No event between reading `version` and `wait` is missed. */
export class EventCount {
  #version = 0
  #wake: (() => void) | undefined

  /** Read it before looking at what may have changed. */
  get version(): number {
    return this.#version
  }

  notify(): void {
    this.#version += 1
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Settles at the first event since `seen`, or after `ms` milliseconds, if given. One waiter at a time. */
  wait(seen: number, ms?: number): Promise<void> {
    if (seen !== this.#version) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.notify(), ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Settles once `isTrue` returns true. It is called now, and after each event. */
  async until(isTrue: () => boolean): Promise<void> {
    for (;;) {
      const seen = this.#version
      if (isTrue()) return
      await this.wait(seen)
    }
  }
}
