import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { CopyStats, ReceiverStats } from '../../index.js'
import type { Obstacle } from './bottleneck-probe.js'

/** Whom everybody waits for. */
export type Holder =
  /** The source gives less than all could take. */
  | { readonly kind: 'source' }
  /** This program's main thread, which reads the source, has no time left. */
  | { readonly kind: 'copyman' }
  /** The ring is full for one target, or for several: their network or server takes less than the source gives. */
  | {
      readonly kind: 'target'
      readonly names: readonly string[]
      /** Of one target, once its server has been asked. */
      readonly obstacle?: Obstacle
    }

/** What the ring holds, unless told otherwise: what a receiver can lag. */
const RING_BYTES = 32 * 1024 * 1024

/** One that has not taken so much of a ring makes the writer wait for it: slots are seldom full to the brim. */
const FULL = 0.5

/** The main thread has no time left. */
const BUSY = 0.95

/** How much the last look counts: what is shown should not flicker. */
const WEIGHT = 0.25

/** Whether slices are left for it to take. */
export const isTaking = ({ state, lagBytes }: Pick<ReceiverStats, 'state' | 'lagBytes'>): boolean =>
  state === 'receiving' || (state === 'completing' && lagBytes > 0)

/** Finds out who holds the others back, by looking again and again. */
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
    // the source has said its last word
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

/** In words: `waits for the source`. */
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
