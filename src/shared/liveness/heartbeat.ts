/** Interval of a thread's heartbeat in milliseconds: a little shorter than the 250 ms after which main looks at it. */
const BEAT_MS = 200

/** The cell of a thread's heartbeat: a timer of the thread counts it up, main reads it, and no message goes between them. */
export const makeHeartbeat = (): Int32Array =>
  new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/** Counts the cell up from now on. @returns a function that ends the heartbeat */
export const startHeartbeat = (beat: Int32Array): (() => void) => {
  const timer = setInterval(() => Atomics.add(beat, 0, 1), BEAT_MS)
  return () => clearInterval(timer)
}

export const readHeartbeat = (beat: Int32Array): number => Atomics.load(beat, 0)
