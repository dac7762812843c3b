import { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverGroup } from '../handles/receiver-group.js'
import type { ReceiverHandle } from '../handles/receiver-handle.js'
import type { LagOptions } from '../options/lag-options.js'

/** Looks this often within the seconds. */
const LOOKS = 8
const LEAST_LOOK_MS = 10
const MOST_LOOK_MS = 250
/** What such a receiver is given to let go: its connection is destroyed, which takes no time. */
const CLOSE_MS = 1

/** How long each has held up the others: what is not spent doing so counts down. */
export class LagMeter<R> {
  readonly #limitMs: number
  readonly #held = new Map<R, number>()

  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /**
   * For the last `ms` milliseconds these held up the others.
   * @returns who has done so for longer than the limit; each begins anew then
   */
  look(holding: readonly R[], ms: number): R[] {
    for (const [one, held] of this.#held) {
      if (holding.includes(one)) continue
      if (held > ms) this.#held.set(one, held - ms)
      else this.#held.delete(one)
    }
    const tooSlow: R[] = []
    for (const one of holding) {
      const held = (this.#held.get(one) ?? 0) + ms
      if (held <= this.#limitMs) {
        this.#held.set(one, held)
        continue
      }
      this.#held.delete(one)
      tooSlow.push(one)
    }
    return tooSlow
  }
}

/** Watches for receivers that are too slow, under `drop`, until the signal fires. Costs a look at the cursors now and then. */
export const watchLag = (group: ReceiverGroup, lag: LagOptions, signal: AbortSignal): void => {
  if (lag.policy === 'block' || signal.aborted) return
  const { seconds } = lag
  const everyMs = Math.min(MOST_LOOK_MS, Math.max(LEAST_LOOK_MS, (seconds * 1000) / LOOKS))
  const meter = new LagMeter<ReceiverHandle>(seconds * 1000)
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    // a main thread that was busy for longer held everybody up itself
    const ms = Math.min(now - last, everyMs)
    last = now
    for (const handle of meter.look(group.holdingUp, ms)) {
      const { lagBytes } = handle.subscription
      const message = `it held up the others for ${seconds} s and was ${lagBytes} bytes behind them`
      handle.tooSlow(new CopyError('COPY_LAG', message, { phase: 'copy' }), CLOSE_MS)
    }
  }, everyMs)
  timer.unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}
