import type { Worker } from 'node:worker_threads'

/** The worker threads that this process starts until `stop()`, in order, exited threads included. */
export interface Threads {
  readonly started: readonly Worker[]
  /** The threads that have not exited. */
  readonly running: readonly Worker[]
  stop(): void
}

export const watchThreads = (): Threads => {
  const started: Worker[] = []
  const exited = new Set<Worker>()
  const listen = (worker: Worker): void => {
    started.push(worker)
    worker.once('exit', () => exited.add(worker))
  }
  process.on('worker', listen)
  return {
    started,
    get running() {
      return started.filter((worker) => !exited.has(worker))
    },
    stop: () => process.off('worker', listen),
  }
}
