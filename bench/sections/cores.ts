import { cpus } from 'node:os'
import { column, type Sample } from '../measure/in-turn.js'
import { median } from '../measure/statistics.js'
import type { Table } from '../report/section.js'

const CORES = cpus().length

/** The CPU time of each side of a job. No contender can be faster than the sum, spread over all cores. */
export const coresTable = (
  entries: readonly (readonly [name: string, samples: readonly Sample[]])[],
): Table => ({
  title: `CPU time of contenders and servers, on ${CORES} cores`,
  head: [
    'receivers, contender',
    'from start to end, s',
    'its own CPU, s',
    'the servers’ CPU, s',
    'cores busy',
  ],
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
 * The least ratio of an engine's wall time to the floor's: if the engine takes no more CPU than the floor, start-up and
 * frames included, and keeps all cores evenly busy with this work and with that of its servers.
 */
export const leastToFloor = (floor: readonly Sample[]): number =>
  median(floor.map(({ cpu, others, wall }) => (cpu + others) / CORES / wall))
