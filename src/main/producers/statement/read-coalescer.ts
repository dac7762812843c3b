/** A read of less is small: a server sends its rows in pieces of 8 KiB. */
const SMALL_BYTES = 32 * 1024
/** So many small reads in a row are a stream that is slower than its reader, and no answers to questions. */
const STREAM_READS = 16
/** A source that says nothing for longer is not waited for with the next read either. */
const SILENCE_MS = 5
const REST_MS = 1

/**
 * Lets a source that sends little at a time, but all the time, gather some more in the kernel before it is read again: a
 * read costs as much for 8 KiB as for 128, and so does what a receiver does for it. One stream's own.
 */
export class ReadCoalescer {
  #small = 0
  #last = 0
  #isRested = false

  /**
   * How long to wait before the next read, in milliseconds; 0 for not at all.
   * @param room how much could have been read: a read that filled it left something behind, however small it was
   * @param now milliseconds of a clock that never goes back
   */
  pauseBeforeNextRead(bytes: number, room: number, now: number): number {
    if (now - this.#last > SILENCE_MS) this.#small = 0
    this.#last = now
    const isSmall = bytes < SMALL_BYTES && bytes < room
    if (isSmall) this.#small += 1
    // what gathered during a rest says nothing of the source's speed
    else if (!this.#isRested) this.#small = 0
    this.#isRested = isSmall && this.#small >= STREAM_READS
    return this.#isRested ? REST_MS : 0
  }
}
