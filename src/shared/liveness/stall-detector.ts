import { CopyError } from '../errors/errors.js'
import { LOOKS } from './progress-monitor.js'

/** The two numbers of a reader that show progress; a SliceReader has both. */
interface InFlight {
  /** Slices that were handed out and not released. */
  readonly inFlight: number
  /** Sequence of the next slice to release. */
  readonly released: number
}

/** Detects that slices are in flight and none of them was released for longer than the deadline. */
export class StallDetector {
  readonly #timer: NodeJS.Timeout | undefined
  #released: number
  #since = performance.now()

  /** @param stallMs 0 for no limit; @param stalled called each time that stallMs have passed without a release */
  constructor(reader: InFlight, stallMs: number, stalled: (error: CopyError) => void) {
    this.#released = reader.released
    if (stallMs === 0) return
    this.#timer = setInterval(() => {
      const now = performance.now()
      if (reader.released !== this.#released || reader.inFlight === 0) {
        this.#released = reader.released
        this.#since = now
      } else if (now - this.#since >= stallMs) {
        this.#since = now
        const message = `took nothing for ${stallMs} ms (deadlines.stall)`
        stalled(new CopyError('COPY_STALLED', message, { phase: 'copy' }))
      }
    }, stallMs / LOOKS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
