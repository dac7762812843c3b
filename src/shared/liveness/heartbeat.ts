/** How often a thread shows that it still turns, in milliseconds: a little more often than main looks. */
const BEAT_MS = 200

/** The cell of a thread's beat: counted up by a timer of the thread, looked at by main, with no message between them. */
export const makeHeartbeat = (): Int32Array =>
  new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/** Beats from now on. @returns ends that */
export const startHeartbeat = (beat: Int32Array): (() => void) => {
  const timer = setInterval(() => Atomics.add(beat, 0, 1), BEAT_MS)
  return () => clearInterval(timer)
}

export const readHeartbeat = (beat: Int32Array): number => Atomics.load(beat, 0)
