import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { CLOSE_MS } from './bound.js'

const WATCHED = ['TCPSocketWrap', 'PipeWrap', 'TLSWrap', 'MessagePort', 'Worker', 'Timeout', 'TCPServerWrap']

// an idle thread of a pool keeps no event loop alive, so it is no active resource
const threads = new Set<Worker>()
process.on('worker', (worker) => {
  threads.add(worker)
  worker.once('exit', () => threads.delete(worker))
})

const watched = (): Record<string, number> => {
  const counts: Record<string, number> = { threads: threads.size }
  for (const name of process.getActiveResourcesInfo())
    if (WATCHED.includes(name)) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Threads of a pool that the tests of this file share: they may stay. */
let shared = 0
export const allowThreads = (count: number): void => {
  shared = count
}

export interface Remains {
  /** Fails when, after `CLOSE_MS`, there are more than before. */
  assertNoneLeft(): Promise<void>
}

/** Remembers how many sockets, ports, threads and timers there are. */
export const countRemains = (): Remains => {
  const before: Record<string, number> = watched()
  return {
    async assertNoneLeft() {
      const bound = performance.now() + CLOSE_MS
      for (;;) {
        const allowed: Record<string, number> = { ...before, threads: Math.max(before.threads ?? 0, shared) }
        const more = Object.entries(watched()).filter(([name, count]) => count > (allowed[name] ?? 0))
        if (more.length === 0) return
        // a socket's handle closes a turn of the event loop after its 'close' event
        if (performance.now() > bound)
          assert.fail(
            `left behind: ${more.map(([name, count]) => `${name} ${before[name] ?? 0} → ${count}`).join(', ')}`,
          )
        await sleep(10)
      }
    },
  }
}
