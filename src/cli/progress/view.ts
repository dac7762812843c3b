import type { CopyStats, ReceiverState } from '../../index.js'
import type { Estimate } from '../plan/plan.js'
import { BottleneckDetector, type Holder, isTaking } from './bottleneck.js'
import type { Probe } from './bottleneck-probe.js'
import { Rates } from './rates.js'

/** What there is to show of one target. */
export interface ReceiverView {
  readonly name: string
  readonly state: ReceiverState
  readonly messages: number
  readonly bytes: number
  readonly bytesPerSecond: number
  readonly lagBytes: number
  /** 0 to 1, of the pass; undefined when nobody knows how much there is. */
  readonly share: number | undefined
}

/** What there is to show of a copy at one moment. */
export interface View {
  readonly pass: number
  readonly seconds: number
  readonly messages: number
  readonly bytes: number
  readonly bytesPerSecond: number
  readonly messagesPerSecond: number
  readonly share: number | undefined
  readonly etaSeconds: number | undefined
  readonly holder: Holder | undefined
  readonly receivers: readonly ReceiverView[]
}

/** Where the figures come from. */
export interface ViewSource {
  stats(): CopyStats
  readonly estimate: Estimate
  /** Of a file: bytes that the pass has read of it. */
  readonly bytesRead: (() => number) | undefined
  readonly probe: Probe
}

/** Looks less often than this would miss who holds the others back. */
export const LOOK_MS = 250

/** An estimate may be too low: a copy is not at its end before it says so. */
const MOST_SHARE = 0.99

/** Looks at a copy now and then: figures of the moment, rates over the last seconds. */
export class Views {
  readonly #source: ViewSource
  readonly #rates = new Rates()
  readonly #holders = new BottleneckDetector()

  constructor(source: ViewSource) {
    this.#source = source
  }

  snapshot(now = performance.now()): View {
    const stats = this.#source.stats()
    const share = this.#share(stats)
    const rate = this.#rates.of('', { bytes: stats.bytes, messages: stats.messages, share: 0 }, now)
    return {
      pass: stats.pass,
      seconds: stats.seconds,
      messages: stats.messages,
      bytes: stats.bytes,
      bytesPerSecond: rate.bytes,
      messagesPerSecond: rate.messages,
      share,
      etaSeconds: share === undefined ? undefined : this.#eta(stats, share, now),
      holder: this.#holder(stats, now),
      receivers: stats.receivers.map(({ name, state, messages, bytes, lagBytes }, i) => ({
        name,
        state,
        messages,
        bytes,
        bytesPerSecond: this.#rates.of(String(i), { bytes, messages, share: 0 }, now).bytes,
        lagBytes,
        share:
          share === undefined || stats.bytes === 0 ? undefined : share * Math.min(1, bytes / stats.bytes),
      })),
    }
  }

  #holder(stats: CopyStats, now: number): Holder | undefined {
    const holder = this.#holders.look(stats)
    const suspect = holder?.kind === 'target' && holder.names.length === 1 ? holder.names[0] : undefined
    const obstacle = this.#source.probe.look(suspect, now)
    return holder?.kind === 'target' && obstacle !== undefined ? { ...holder, obstacle } : holder
  }

  /** By the target that has taken least: all are done when it is. */
  #eta({ receivers, bytes: read }: CopyStats, share: number, now: number): number | undefined {
    const taking = receivers.filter(isTaking)
    if (taking.length === 0 || read === 0) return undefined
    const least = Math.min(...taking.map(({ bytes }) => bytes))
    const done = share * (least / read)
    const { share: rate } = this.#rates.of('least', { bytes: least, messages: 0, share: done }, now)
    return rate > 0 ? (1 - done) / rate : undefined
  }

  #share(stats: CopyStats): number | undefined {
    const { estimate, bytesRead } = this.#source
    const [done, all] =
      bytesRead !== undefined
        ? [bytesRead(), estimate.bytes]
        : estimate.rows > 0
          ? [stats.messages, estimate.rows]
          : [stats.bytes, estimate.bytes]
    return all > 0 ? Math.min(MOST_SHARE, done / all) : undefined
  }
}
