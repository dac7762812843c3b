import { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverGroup } from '../handles/receiver-group.js'
import type { ReceiverHandle } from '../handles/receiver-handle.js'
import type { LagOptions } from '../options/lag-options.js'

/** How often the watch looks within the seconds of the option. */
const LOOKS = 8
const LEAST_LOOK_MS = 10
const MOST_LOOK_MS = 250
/** How long such a receiver has to release everything: its connection is destroyed, which takes no time. */
const CLOSE_MS = 1

/** How long each receiver has held up the others. Counts down while the receiver holds up none. */
export class LagMeter<R> {
  readonly #limitMs: number
  readonly #heldMs = new Map<R, number>()

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /**
   * @param holding the receivers that held up the others for the last `ms` milliseconds
   * @returns those that have done so for longer than the limit; their time begins again at 0
   */
  look(holding: readonly R[], ms: number): R[] {
    for (const [one, heldMs] of this.#heldMs) {
      if (holding.includes(one)) continue
      if (heldMs > ms) this.#heldMs.set(one, heldMs - ms)
      else this.#heldMs.delete(one)
    }
    const tooSlow: R[] = []
    for (const one of holding) {
      const heldMs = (this.#heldMs.get(one) ?? 0) + ms
      if (heldMs <= this.#limitMs) {
        this.#heldMs.set(one, heldMs)
        continue
      }
      this.#heldMs.delete(one)
      tooSlow.push(one)
    }
    return tooSlow
  }
}

/** Faults receivers that are too slow, under `drop`, until the signal fires. Each look reads the cursors. */
export const watchLag = (group: ReceiverGroup, lag: LagOptions, signal: AbortSignal): void => {
  if (lag.policy === 'block' || signal.aborted) return
  const { seconds } = lag
  const everyMs = Math.min(MOST_LOOK_MS, Math.max(LEAST_LOOK_MS, (seconds * 1000) / LOOKS))
  const meter = new LagMeter<ReceiverHandle>(seconds * 1000)
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    // a main thread that was busy for longer held up all receivers itself
    const ms = Math.min(now - last, everyMs)
    last = now
    for (const handle of meter.look(group.holdingUp, ms)) {
      const { lagBytes } = handle.subscription
      const message = `it held up the others for ${seconds} s and was ${lagBytes} bytes behind them`
      handle.failAndRelease(new CopyError('COPY_LAG', message, { phase: 'copy' }), CLOSE_MS)
    }
  }, everyMs)
  timer.unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}
