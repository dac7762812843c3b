import { cpus } from 'node:os'
import { column, type Sample } from '../measure/in-turn.js'
import { median } from '../measure/statistics.js'
import type { Table } from '../report/section.js'

const CORES = cpus().length

/** Whose CPU time a job took: no contender can be faster than all of it together, spread over all cores. */
export const coresTable = (
  entries: readonly (readonly [name: string, samples: readonly Sample[]])[],
): Table => ({
  title: `Whose CPU time it took, of ${CORES} cores`,
  head: ['receivers, who', 'from start to end, s', 'its own CPU, s', 'the servers’ CPU, s', 'cores busy'],
  rows: entries.map(([name, samples]) => {
    const of = (what: keyof Sample): number => median(column(samples, what))
    const busy = median(samples.map(({ cpu, others, elapsed }) => (cpu + others) / (CORES * elapsed)))
    return [
      name,
      ...(['elapsed', 'cpu', 'others'] as const).map((what) => of(what).toFixed(2)),
      `${(busy * 100).toFixed(0)} %`,
    ]
  }),
})

/**
 * Wall time to the floor's own, of an engine that took no more CPU than the floor takes, start-up and frames included, and
 * kept all cores evenly busy with that and with its servers.
 */
export const leastToFloor = (floor: readonly Sample[]): number =>
  median(floor.map(({ cpu, others, wall }) => (cpu + others) / CORES / wall))
