import { availableParallelism } from 'node:os'
import { readHeartbeat } from '../../shared/liveness/heartbeat.js'

const LOOK_MS = 250
/**
 * Threads that one core is trusted to bring through a step of their start, some 100 ms of loading modules, before the
 * default deadline. Where more than these are silent at once they wait for a core, and are given more time.
 */
const THREADS_PER_CORE = 16

interface Watched {
  readonly beat: Int32Array
  readonly deadlineMs: number
  readonly silent: () => void
  seen: number
  silentMs: number
}

const watched = new Set<Watched>()
let timer: NodeJS.Timeout | undefined
let lookedAt = 0

/**
 * Watches the beat that a thread's own timer counts up, which costs neither side a message: a thread that spins, or waits
 * in a call that blocks, beats no more. Only time in which this thread itself could look is counted, so that a main
 * thread that was busy or stopped accuses nobody.
 * @param deadlineMs 0 for never
 * @param silent called once, when it did not beat for that long
 * @returns ends the watch
 */
export const watchThread = (beat: Int32Array, deadlineMs: number, silent: () => void): (() => void) => {
  if (deadlineMs === 0) return () => undefined
  const thread = { beat, deadlineMs, silent, seen: readHeartbeat(beat), silentMs: 0 }
  watched.add(thread)
  if (timer === undefined) {
    lookedAt = performance.now()
    timer = setInterval(look, LOOK_MS)
  }
  return () => forget(thread)
}

const forget = (thread: Watched): void => {
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
    const seen = readHeartbeat(thread.beat)
    if (seen === thread.seen) return true
    thread.seen = seen
    thread.silentMs = 0
    return false
  })
  const share = Math.min(1, (availableParallelism() * THREADS_PER_CORE) / silent.length)
  for (const thread of silent) {
    thread.silentMs += passedMs * share
    if (thread.silentMs < thread.deadlineMs) continue
    forget(thread)
    thread.silent()
  }
}
