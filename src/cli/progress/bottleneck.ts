import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { CopyStats, ReceiverStats } from '../../index.js'
import { type Obstacle, Obstacles } from './obstacles.js'

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

/** A target is the bottleneck when it holds the others up in this share of the samples. */
const MOSTLY = 0.5

/** Event loop utilization above which the main thread is the bottleneck. */
const BUSY = 0.95

/** Weight of the last sample in the moving averages, so that the display does not flicker. */
const WEIGHT = 0.25

/** Whether a receiver still has slices to take. */
export const isTaking = ({ state, lagBytes }: Pick<ReceiverStats, 'state' | 'lagBytes'>): boolean =>
  state === 'receiving' || (state === 'completing' && lagBytes > 0)

/** Finds the bottleneck of a copy, from moving averages over regular samples. */
export class BottleneckDetector {
  readonly #held = new Map<string, number>()
  readonly #obstacles = new Obstacles()
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()
  #busy = 0

  look(stats: CopyStats): Holder | undefined {
    const utilization = performance.eventLoopUtilization()
    const { utilization: busy } = performance.eventLoopUtilization(utilization, this.#utilization)
    this.#utilization = utilization
    this.#busy += WEIGHT * (busy - this.#busy)
    if (stats.bytes === 0) return undefined
    const taking = stats.receivers.filter(isTaking)
    for (const { name, holdsUp } of taking) {
      const last = this.#held.get(name) ?? 0
      this.#held.set(name, last + WEIGHT * (Number(holdsUp) - last))
    }
    if (taking.length === 0) return undefined
    // the source has ended
    if (taking.some(({ state }) => state === 'completing')) {
      return this.#target(taking)
    }
    const slow = taking.filter(({ name }) => (this.#held.get(name) ?? 0) > MOSTLY)
    if (slow.length > 0) return this.#target(slow)
    return { kind: this.#busy > BUSY ? 'copyman' : 'source' }
  }

  #target(slow: readonly ReceiverStats[]): Holder {
    const names = slow.map(({ name }) => name)
    const [first, second] = slow
    const obstacle = first === undefined || second !== undefined ? undefined : this.#obstacles.of(first)
    return { kind: 'target', names, ...(obstacle !== undefined && { obstacle }) }
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
