import { CopyError } from '../../shared/errors/errors.js'
import type { ReceiverGroup } from '../handles/receiver-group.js'
import type { ReceiverHandle } from '../handles/receiver-handle.js'
import { refuseUnknown } from '../options/unknown-option.js'

/**
 * What becomes of a receiver that is slower than the others.
 *
 * `block`, the default: they wait for it. A copy keeps no more of what a slow one has not taken than the ring holds.
 *
 * `drop`: one that holds up the others for longer than `seconds` gets the fault `COPY_LAG`: its connection is closed at
 * once, a client of yours included, and the others go on without waiting for anybody's decision. Under
 * `onFault: 'abort'` that ends the copy like every fault, unless `retry` is set; under `'isolate'` it is dropped; your own
 * loop gets it as a ReceiverFault. It cannot go on from where it stood: reconcile it from the start.
 *
 * It holds them up while the writer waits for it and another one has nothing left to do. That time counts up, any
 * other time counts down as fast: hiccups and one that is a little slower are forgiven; less than half as fast as the
 * others is too slow. Nobody is blamed for a slow source or a slow loop, and none is dropped when all are as slow, or
 * when it has a pass for itself.
 *
 * A CallReceiver with `zeroCopy` is never dropped for that: its function may still read the slot that it was lent.
 */
export type LagOptions =
  | { readonly policy: 'block'; readonly seconds?: undefined }
  | {
      readonly policy: 'drop'
      /** More than 0, fractions allowed. */
      readonly seconds: number
    }

/** Looks this often within the seconds. */
const LOOKS = 8
const LEAST_LOOK_MS = 10
const MOST_LOOK_MS = 250
const MAX_SECONDS = 2_000_000

/** What such a receiver is given to let go: its connection is destroyed, which takes no time. */
const CLOSE_MS = 1

/** @throws CopyError COPY_OPTION naming what is wrong and what is legal */
export const checkLag = (lag: LagOptions = { policy: 'block' }): LagOptions => {
  if (typeof lag !== 'object' || lag === null) {
    throw new CopyError('COPY_OPTION', "lag must be { policy: 'block' } or { policy: 'drop', seconds }")
  }
  refuseUnknown(lag, ['policy', 'seconds'], 'option lag.')
  const { policy, seconds } = lag as { policy: unknown; seconds?: unknown }
  if (policy !== 'block' && policy !== 'drop') {
    throw new CopyError('COPY_OPTION', `lag.policy must be 'block' or 'drop', not ${String(policy)}`)
  }
  if (policy === 'block' && seconds !== undefined) {
    throw new CopyError(
      'COPY_OPTION',
      "lag.seconds is for lag.policy 'drop': under 'block' all wait for the slowest",
    )
  }
  if (policy === 'drop' && !(typeof seconds === 'number' && seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new CopyError(
      'COPY_OPTION',
      `lag.seconds must be a number greater than 0, at most ${MAX_SECONDS}, under lag.policy 'drop', not ${String(seconds)}`,
    )
  }
  return lag
}

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
      const { lagBytes } = handle.participation
      const message = `it held up the others for ${seconds} s and was ${lagBytes} bytes behind them`
      handle.tooSlow(new CopyError('COPY_LAG', message, { phase: 'copy' }), CLOSE_MS)
    }
  }, everyMs)
  timer.unref()
  signal.addEventListener('abort', () => clearInterval(timer), { once: true })
}
