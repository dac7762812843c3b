import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const WATCHED = ['TCPSocketWrap', 'PipeWrap', 'TLSWrap', 'MessagePort', 'Worker', 'Timeout', 'TCPServerWrap']
const LET_GO_MS = 3000

const watched = (): Record<string, number> => {
  const counts: Record<string, number> = {}
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
