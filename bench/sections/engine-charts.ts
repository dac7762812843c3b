import { column, type Sample } from '../measure/in-turn.js'
import { median } from '../measure/statistics.js'
import type { Chart } from '../report/section.js'

const GIB_IN_MIB = 1024

/** The samples of one contender by number of receivers, for a payload of `mib`. */
export interface Series {
  readonly name: string
  readonly mib: number
  readonly of: readonly (readonly [number, readonly Sample[]])[]
}

export const charts = (series: readonly Series[]): Chart[] => {
  const lines = (y: (samples: readonly Sample[], mib: number) => number): Chart['lines'] =>
    series.map(({ name, mib, of }) => ({
      name,
      points: of.map(([receivers, samples]) => [receivers, y(samples, mib)] as const),
    }))
  return [
    {
      name: 'throughput',
      title: 'One source into N receivers, between null ends',
      yAxis: 'MiB/s of payload read',
      lines: lines((samples, mib) => Math.round(mib / median(column(samples, 'wall')))),
    },
    {
      name: 'cpu',
      title: 'CPU for one source into N receivers, between null ends',
      yAxis: 'CPU seconds per GiB read',
      lines: lines((samples, mib) =>
        Number(((median(column(samples, 'cpu')) * GIB_IN_MIB) / mib).toFixed(3)),
      ),
    },
  ]
}
