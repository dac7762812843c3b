/** How long a loop may keep the event loop waiting, in milliseconds: sockets, timers and signals are served between. */
const MAX_BLOCKING_MS = 10

/** Yields to the event loop about every 10 ms, in loops that may otherwise never wait for anything. */
export class EventLoopYield {
  #last = performance.now()

  /** Whether it is time to yield. Cheap, so that a promise is made only then. */
  get isDue(): boolean {
    return performance.now() - this.#last >= MAX_BLOCKING_MS
  }

  /** Resolves after a turn of the event loop. */
  async yield(): Promise<void> {
    await new Promise(setImmediate)
    this.#last = performance.now()
  }
}
