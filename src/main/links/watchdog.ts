import { availableParallelism } from 'node:os'
import { readHeartbeat } from '../../shared/liveness/heartbeat.js'

const LOOK_MS = 250
/**
 * How many starting threads one core can serve before the default deadline: a step of a start takes some 100 ms, in
 * which a thread loads modules and shows no sign of life. If more threads are silent, they wait for a core, and get more
 * time.
 */
const THREADS_PER_CORE = 16

interface Watched {
  readonly heartbeat: Int32Array
  readonly deadlineMs: number
  readonly silent: () => void
  seen: number
  silentMs: number
}

const watched = new Set<Watched>()
let timer: NodeJS.Timeout | undefined
let lookedAt = 0

/**
 * Watches the heartbeat of a thread: a cell that a timer of the thread counts up, without a message. The timer of a thread
 * that spins, or that waits in a call that blocks, does not run. Only time in which this thread itself could look counts,
 * so that a main thread that was busy or stopped blames no other thread.
 * @param deadlineMs 0 for never
 * @param silent called once, when the heartbeat stood still for that long
 * @returns call it to end the watch
 */
export const watchThread = (heartbeat: Int32Array, deadlineMs: number, silent: () => void): (() => void) => {
  if (deadlineMs === 0) return () => undefined
  const thread = { heartbeat, deadlineMs, silent, seen: readHeartbeat(heartbeat), silentMs: 0 }
  watched.add(thread)
  if (timer === undefined) {
    lookedAt = performance.now()
    timer = setInterval(look, LOOK_MS)
  }
  return () => unwatch(thread)
}

const unwatch = (thread: Watched): void => {
  watched.delete(thread)
  if (watched.size > 0) return
  clearInterval(timer)
  timer = undefined
}

const look = (): void => {
  const now = performance.now()
  const passedMs = Math.min(now - lookedAt, 2 * LOOK_MS)
  lookedAt = now
  const silent = [...watched].filter((thread) => {
    const seen = readHeartbeat(thread.heartbeat)
    if (seen === thread.seen) return true
    thread.seen = seen
    thread.silentMs = 0
    return false
  })
  const share = Math.min(1, (availableParallelism() * THREADS_PER_CORE) / silent.length)
  for (const thread of silent) {
    thread.silentMs += passedMs * share
    if (thread.silentMs < thread.deadlineMs) continue
    unwatch(thread)
    thread.silent()
  }
}
