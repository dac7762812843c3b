import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const LET_GO_MS = 5000
const HAS_PROC = existsSync('/proc/self/task')

setFlagsFromString('--expose_gc')
const collect = runInNewContext('gc') as () => void

/** How many there are of each kind. */
export type Counts = Readonly<Record<string, number>>

const count = (names: Iterable<string>): Counts => {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** What the process's open files are, without their numbers: `socket:[]`, `anon_inode:[eventpoll]`, `/dev/null`. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const name = readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, '')
      // a thread's own from some moment of its life on, as newer Nodes have it; a thread that is left shows in `threads`
      return name === 'anon_inode:[io_uring]' ? [] : [`file ${name}`]
    } catch {
      // the one that reads the folder
      return []
    }
  })

/**
 * All that this process holds: what keeps its event loop alive, listeners on itself, and where the system reports it,
 * threads and open files by kind. One thread more is also an eventpoll, an eventfd and two pipes, and a `/dev/null`
 * from its first socket on.
 */
export const footprint = (): Counts => ({
  ...count(process.getActiveResourcesInfo()),
  ...listenersOn(process, 'process '),
  ...(HAS_PROC && { ...count(openFiles()), threads: readdirSync('/proc/self/task').length }),
})

/** Listeners by event. */
export const listenersOn = (emitter: EventEmitter, prefix = ''): Counts =>
  Object.fromEntries(
    emitter.eventNames().map((name) => [`${prefix}on ${String(name)}`, emitter.listenerCount(name)]),
  )

/** Fails unless, within a few seconds, there is nothing more of any kind than before. */
export const assertNoMore = async (before: Counts, measure: () => Counts): Promise<void> => {
  const until = performance.now() + LET_GO_MS
  for (;;) {
    const now = measure()
    const more = Object.keys(now).filter((name) => (now[name] as number) > (before[name] ?? 0))
    if (more.length === 0) return
    if (performance.now() > until) {
      assert.fail(`left: ${more.map((name) => `${name}: ${before[name] ?? 0} → ${now[name]}`).join('; ')}`)
    }
    await sleep(20)
  }
}

/** Bytes of this thread's heap that are in use, after all garbage has been collected. */
export const heapInUse = async (): Promise<number> => {
  for (let least = Number.POSITIVE_INFINITY; ; ) {
    collect()
    // finalizers, and the resources that they release, have their turn
    await sleep(20)
    const now = process.memoryUsage().heapUsed
    if (now >= least * 0.999) return Math.min(now, least)
    least = now
  }
}
