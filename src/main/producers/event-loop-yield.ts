/** How long a loop may keep the thread's event loop waiting: sockets, timers and signals are served between. */
const MAX_BLOCKING_MS = 10

/** Lets the event loop turn now and then, in loops that may otherwise never wait for anything. */
export class EventLoopYield {
  #last = performance.now()

  /** Whether it is time to. Cheap, so that only then a promise is made. */
  get isDue(): boolean {
    return performance.now() - this.#last >= MAX_BLOCKING_MS
  }

  /** Settles after a turn of the event loop. */
  async yield(): Promise<void> {
    await new Promise(setImmediate)
    this.#last = performance.now()
  }
}
