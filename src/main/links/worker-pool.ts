import type { MessagePort, Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { CopyError } from '../../shared/errors/errors.js'
import { workerEntry } from './worker-entry.js'

const DEFAULT_THREADS = 64
const MAX_THREADS = 4096

export interface WorkerPoolOptions {
  /** Most threads at a time, 1 to 4,096; default: 64. Threads start when they are needed. */
  readonly threads?: number
  /** How long an unused thread is kept for the next copy, in milliseconds; default: 10,000. */
  readonly idleMs?: number
}

/**
 * Worker threads for receivers, shared by any number of managers: give one pool to several copies to start threads only
 * once. A copy reserves all the threads that it needs at once, and holds none while it waits: copies cannot deadlock.
 * `close()` the pool when done; an unused pool keeps no process alive.
 */
export class WorkerPool {
  readonly threads: number
  readonly #piscina: Piscina
  readonly #queue: { readonly threads: number; readonly grant: () => void }[] = []
  readonly #exits = new WeakMap<Worker, Promise<void>>()
  #free: number

  /** @throws CopyError COPY_OPTION for an illegal number of threads */
  constructor(options: WorkerPoolOptions = {}) {
    const { threads = DEFAULT_THREADS, idleMs = 10_000 } = options
    if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
      throw new CopyError(
        'COPY_OPTION',
        `threads must be a whole number from 1 to ${MAX_THREADS}, not ${String(threads)}`,
      )
    }
    this.threads = threads
    this.#free = threads
    this.#piscina = new Piscina({
      filename: workerEntry(),
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: idleMs,
      // 'sync', the default, would stop the event loop of an idle worker, which our sockets need
      atomics: 'disabled',
    })
    // a thread that fails between two tasks, e.g. in a timer that a user's module left: no copy is concerned
    this.#piscina.on('error', (error: Error) =>
      process.emitWarning(`an idle copyman worker failed: ${error.message}`),
    )
  }

  /**
   * Reserves threads: all at once, first come, first served.
   * @param signal cancels the wait
   * @throws CopyError COPY_OPTION when the pool will never have as many; the signal's reason
   */
  async reserve(threads: number, signal: AbortSignal): Promise<void> {
    if (threads > this.threads) {
      throw new CopyError(
        'COPY_OPTION',
        `the pool has ${this.threads} threads, the copy needs ${threads}: one for each receiver in a worker`,
      )
    }
    if (this.tryReserve(threads)) return
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const cancel = (): void => {
        this.#queue.splice(this.#queue.indexOf(entry), 1)
        reject(signal.reason)
        // smaller requests may have waited for this one
        this.release(0)
      }
      const grant = (): void => {
        signal.removeEventListener('abort', cancel)
        resolve()
      }
      const entry = { threads, grant }
      this.#queue.push(entry)
      signal.addEventListener('abort', cancel, { once: true })
    })
  }

  /** Reserves threads if they are free and no copy waits for any. @returns whether it did */
  tryReserve(threads: number): boolean {
    if (this.#queue.length > 0 || threads > this.#free) return false
    this.#free -= threads
    return true
  }

  /** Gives reserved threads back, after their tasks have settled. */
  release(threads: number): void {
    this.#free += threads
    for (let next = this.#queue[0]; next !== undefined && next.threads <= this.#free; next = this.#queue[0]) {
      this.#queue.shift()
      this.#free -= next.threads
      next.grant()
    }
  }

  /** Runs one task on a reserved thread. @param signal kills the thread: the last resort */
  run(task: { readonly port: MessagePort }, signal: AbortSignal): Promise<void> {
    return this.#piscina.run(task, { transferList: [task.port], signal })
  }

  /** Settles when the thread has exited; at once when the pool has no such thread. */
  exited(threadId: number): Promise<void> {
    const thread = this.#piscina.threads.find((worker) => worker.threadId === threadId)
    if (thread === undefined) return Promise.resolve()
    // one listener for each thread, however many runners it has had
    const known = this.#exits.get(thread)
    const exited = known ?? new Promise<void>((resolve) => thread.once('exit', () => resolve()))
    this.#exits.set(thread, exited)
    return exited
  }

  /** Ends all threads. Call it when no copy uses the pool. */
  close(): Promise<void> {
    return this.#piscina.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
