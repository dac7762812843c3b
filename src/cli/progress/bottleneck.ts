import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { CopyStats, ReceiverStats } from '../../index.js'
import type { Obstacle } from './bottleneck-probe.js'

/** The bottleneck of a copy. */
export type Holder =
  /** The source supplies fewer bytes than the targets could take. */
  | { readonly kind: 'source' }
  /** The main thread, which reads the source, is busy all the time. */
  | { readonly kind: 'copyman' }
  /** The ring is full for one target or for several: their networks or servers take fewer bytes than the source supplies. */
  | {
      readonly kind: 'target'
      readonly names: readonly string[]
      /** For a single target, after the first answer of its server. */
      readonly obstacle?: Obstacle
    }

/** The library's default size of the ring, and so the largest lag of a receiver. */
const RING_BYTES = 32 * 1024 * 1024

/** A lag of this share of the ring makes the writer wait: slots are seldom completely full. */
const FULL = 0.5

/** Event loop utilization above which the main thread is the bottleneck. */
const BUSY = 0.95

/** Weight of the last sample in the moving averages, so that the display does not flicker. */
const WEIGHT = 0.25

/** Whether a receiver still has slices to take. */
export const isTaking = ({ state, lagBytes }: Pick<ReceiverStats, 'state' | 'lagBytes'>): boolean =>
  state === 'receiving' || (state === 'completing' && lagBytes > 0)

/** Finds the bottleneck of a copy, from moving averages over regular samples. */
export class BottleneckDetector {
  readonly #fill = new Map<string, number>()
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()
  #busy = 0

  look(stats: CopyStats): Holder | undefined {
    const utilization = performance.eventLoopUtilization()
    const { utilization: busy } = performance.eventLoopUtilization(utilization, this.#utilization)
    this.#utilization = utilization
    this.#busy += WEIGHT * (busy - this.#busy)
    if (stats.bytes === 0) return undefined
    const taking = stats.receivers.filter(isTaking)
    for (const { name, lagBytes } of taking) {
      const last = this.#fill.get(name) ?? 0
      this.#fill.set(name, last + WEIGHT * (lagBytes / RING_BYTES - last))
    }
    if (taking.length === 0) return undefined
    // the source has ended
    if (taking.some(({ state }) => state === 'completing')) {
      return { kind: 'target', names: taking.map(({ name }) => name) }
    }
    const names = taking.map(({ name }) => name).filter((name) => (this.#fill.get(name) ?? 0) > FULL)
    if (names.length > 0) return { kind: 'target', names }
    return { kind: this.#busy > BUSY ? 'copyman' : 'source' }
  }
}

const OBSTACLES: Readonly<Record<Obstacle, string>> = {
  network: ': its network',
  server: ': its server',
  lock: ': a lock on its server',
}

/** The bottleneck in words, e.g. `waits for the source`. */
export const holderText = (holder: Holder, receivers: number): string => {
  switch (holder.kind) {
    case 'source':
      return 'waits for the source'
    case 'copyman':
      return 'waits for copyman itself: one core is not enough'
    case 'target':
      return holder.names.length === receivers && receivers > 1
        ? 'waits for the targets'
        : `waits for ${holder.names.join(', ')}${holder.obstacle === undefined ? '' : OBSTACLES[holder.obstacle]}`
    default:
      throw new TypeError(`unknown holder ${JSON.stringify(holder satisfies never)}`)
  }
}
