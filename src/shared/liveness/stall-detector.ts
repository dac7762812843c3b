import { CopyError } from '../errors/errors.js'
import type { RingReader } from '../ring/reader.js'

/** Looks this often within the deadline: it is noticed at most a quarter too late. */
const LOOKS = 4

/** Notices that slices were handed out and none of them was released for longer than the deadline. */
export class StallDetector {
  readonly #timer: NodeJS.Timeout | undefined
  #released: number
  #since = performance.now()

  /** @param stallMs 0 for never; @param stalled told once for each such time */
  constructor(reader: RingReader, stallMs: number, stalled: (error: CopyError) => void) {
    this.#released = reader.released
    if (stallMs === 0) return
    this.#timer = setInterval(() => {
      const now = performance.now()
      if (reader.released !== this.#released || reader.inFlight === 0) {
        this.#released = reader.released
        this.#since = now
      } else if (now - this.#since >= stallMs) {
        this.#since = now
        stalled(new CopyError('COPY_STALLED', `took nothing for ${stallMs} ms`, { phase: 'copy' }))
      }
    }, stallMs / LOOKS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
