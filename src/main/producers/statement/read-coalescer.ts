/** A read of fewer bytes is small: a server sends its rows in writes of 8 KiB. */
const SMALL_BYTES = 32 * 1024
/** After this many small reads in a row we assume a slow stream rather than single replies. */
const STREAM_READS = 16
/** A silence of this length ends a row of small reads: the next read after it is not delayed. */
const SILENCE_MS = 5
const PAUSE_MS = 1

/**
 * Delays the next read of a source that sends little at a time, but all the time, so that more bytes gather in the kernel:
 * a read of 8 KiB costs as much as one of 128 KiB, and so does a receiver's work for it. One instance for each stream.
 */
export class ReadCoalescer {
  /** Small reads in a row. */
  #small = 0
  #last = 0
  /** Whether the last read came after a pause. */
  #hasPaused = false

  /**
   * How long to wait before the next read, in milliseconds; 0 for no wait.
   * @param bytes how many bytes this read got
   * @param room how many it could have got: a read that filled its memory left bytes in the kernel, however small it was
   * @param now milliseconds of a clock that never goes back
   */
  pauseBeforeNextRead(bytes: number, room: number, now: number): number {
    if (now - this.#last > SILENCE_MS) this.#small = 0
    this.#last = now
    const isSmall = bytes < SMALL_BYTES && bytes < room
    if (isSmall) this.#small += 1
    // a large read after a pause does not show a fast source: the bytes gathered during the pause
    else if (!this.#hasPaused) this.#small = 0
    this.#hasPaused = isSmall && this.#small >= STREAM_READS
    return this.#hasPaused ? PAUSE_MS : 0
  }
}
