import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'

const WATCHED = ['TCPSocketWrap', 'PipeWrap', 'TLSWrap', 'MessagePort', 'Worker', 'Timeout', 'TCPServerWrap']
const LET_GO_MS = 3000

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

/** Remembers which sockets, ports, threads and timers there are; `assertNoneLeft` fails when there are more later. */
export const countRemains = (): { assertNoneLeft(): Promise<void> } => {
  const before = watched()
  return {
    async assertNoneLeft() {
      const until = performance.now() + LET_GO_MS
      for (;;) {
        const more = Object.entries(watched()).filter(([name, count]) => count > (before[name] ?? 0))
        if (more.length === 0) return
        // a socket's handle closes a turn of the event loop after its 'close' event
        if (performance.now() > until) assert.deepEqual(more, [], 'left behind')
        await sleep(10)
      }
    },
  }
}
