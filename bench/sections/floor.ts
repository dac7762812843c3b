import { copyman, floorAt } from '../contenders.js'
import { CELL_HEADS, cellsOf, spread } from '../measure/figures.js'
import { column, inTurn, type Sample, type Samples } from '../measure/in-turn.js'
import { median, pairedRatio, type Spread } from '../measure/statistics.js'
import { type NullPair, payloadMib } from '../null/pair.js'
import type { BenchOptions } from '../options.js'
import { atMost, type Bar, type Table } from '../report/section.js'
import { coresTable, leastToFloor } from './cores.js'
import type { Series } from './engine-charts.js'

/** Bars of wall time and CPU against the floor, by receivers. */
const FLOOR_BARS = new Map([
  [1, { wall: 1.2, cpu: 1.7 }],
  [2, { wall: 1.0, cpu: 1.4 }],
  [4, { wall: 0.85, cpu: 1.3 }],
  [8, { wall: 0.75, cpu: 1.2 }],
])

type FloorSamples = ReadonlyMap<number, Samples<'copyman' | 'floor'>>

/** copyman beside the floor, for each number of receivers. */
export const againstFloor = async (
  pair: NullPair & { port: number },
  floor: string,
  { rounds, mib }: BenchOptions,
): Promise<{ tables: Table[]; bars: Bar[]; series: Series }> => {
  const of = new Map<number, Samples<'copyman' | 'floor'>>()
  for (const receivers of FLOOR_BARS.keys()) {
    const contenders = {
      copyman: () => copyman.run(pair.job(100, mib, receivers)),
      floor: floorAt(floor, pair.port, receivers),
    }
    of.set(receivers, await inTurn(contenders, rounds))
  }
  const shares = coresTable(
    [...of].flatMap(([receivers, { copyman, floor }]) => [
      [`${receivers}, copyman`, copyman] as const,
      [`${receivers}, floor`, floor] as const,
    ]),
  )
  return {
    tables: [besideTable(of, mib, pair.name), shares, leastTable(of)],
    bars: [...ratioBars(of), ...slopeBars(of)],
    series: {
      name: 'floor (one thread of C)',
      mib: payloadMib(mib, 100),
      of: [...of].map(([receivers, { floor }]) => [receivers, floor] as const),
    },
  }
}

const toFloor = ({ copyman, floor }: Samples<'copyman' | 'floor'>, what: 'wall' | 'cpu'): Spread =>
  pairedRatio(column(copyman, what), column(floor, what))

const besideTable = (of: FloorSamples, mib: number, ends: string): Table => {
  const size = payloadMib(mib, 100)
  return {
    title: `Beside the floor: ${mib} MiB of frames of 100-byte rows between ${ends}`,
    head: ['receivers', ...CELL_HEADS, 'wall to floor', 'CPU to floor'],
    rows: [...of].flatMap(([receivers, samples]) => [
      [
        `${receivers}, copyman`,
        ...cellsOf(samples.copyman, size),
        spread(toFloor(samples, 'wall')),
        spread(toFloor(samples, 'cpu')),
      ],
      [`${receivers}, floor`, ...cellsOf(samples.floor, size), '1', '1'],
    ]),
  }
}

const leastTable = (of: FloorSamples): Table => ({
  title:
    'What these cores allow: least wall time to the floor’s, for an engine that takes no more CPU than the floor and keeps all cores evenly busy',
  head: ['receivers', 'least wall to floor', 'bar'],
  rows: [...of].map(([receivers, { floor }]) => [
    String(receivers),
    leastToFloor(floor).toFixed(2),
    String(FLOOR_BARS.get(receivers)?.wall),
  ]),
})

/** Bars on wall time and CPU against the floor, for each number of receivers. */
const ratioBars = (of: FloorSamples): Bar[] =>
  [...FLOOR_BARS].flatMap(([receivers, bar]) => {
    const samples = of.get(receivers) as Samples<'copyman' | 'floor'>
    const wall = toFloor(samples, 'wall').median
    const cpu = toFloor(samples, 'cpu').median
    return [
      atMost(`the floor, wall, ${receivers} receivers`, bar.wall, wall, ' ×'),
      atMost(`the floor, CPU, ${receivers} receivers`, bar.cpu, cpu, ' ×'),
    ]
  })

/** Bars on the cost of each further receiver: the mean slope from 1 to 8 receivers. */
const slopeBars = (of: FloorSamples): Bar[] => {
  const slope = (who: 'copyman' | 'floor', what: 'cpu' | 'peakMib'): number => {
    const at = (receivers: number): number =>
      median(column(of.get(receivers)?.[who] as readonly Sample[], what))
    return (at(8) - at(1)) / 7
  }
  const cpu = slope('copyman', 'cpu') / slope('floor', 'cpu')
  return [
    atMost('each further receiver, CPU, one more write of the floor', 1.3, cpu, ' ×'),
    atMost('each further receiver, memory', 20, slope('copyman', 'peakMib'), ' MiB'),
  ]
}
