import type { CopyStats, ReceiverState } from '../../index.js'
import type { Estimate } from '../sql/copy-source.js'
import { BottleneckDetector, type Holder, isTaking } from './bottleneck.js'
import { Rates } from './rates.js'

/** The progress of one target. */
export interface ReceiverView {
  readonly name: string
  readonly state: ReceiverState
  readonly messages: number
  readonly bytes: number
  readonly bytesPerSecond: number
  readonly lagBytes: number
  /** Share of the pass, 0 to 1; undefined when the size of the source is unknown. */
  readonly share: number | undefined
}

/** The progress of a copy at one moment. */
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

/** The copy that a view shows. */
export interface ViewSource {
  stats(): CopyStats
  readonly estimate: Estimate
  /** For a file: bytes of the file that this pass has read. */
  readonly bytesRead: (() => number) | undefined
}

/** The bottleneck detector averages over snapshots: it needs them at least this often, shown or not. */
const SAMPLE_MS = 250

/** An estimate may be too low, so the share stays below 1 until the copy ends. */
const MAX_SHARE = 0.99

/** Views of one copy: figures of the moment, and rates over the last seconds. */
export class Views {
  readonly #source: ViewSource
  readonly #rates = new Rates()
  readonly #detector = new BottleneckDetector()

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
      holder: this.#detector.look(stats),
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

  /** Seconds until the slowest target has all data: the copy ends with this target. */
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
    return all > 0 ? Math.min(MAX_SHARE, done / all) : undefined
  }
}

/** Takes snapshots for the bottleneck detector between those that are shown. @returns stops it */
export const startSampling = (views: Views): (() => void) => {
  views.snapshot()
  const timer = setInterval(() => views.snapshot(), SAMPLE_MS)
  return () => clearInterval(timer)
}
