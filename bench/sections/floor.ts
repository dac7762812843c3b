import { copyman, floorAt } from '../contenders.js'
import { CELL_HEADS, cellsOf, spread } from '../measure/figures.js'
import { column, inTurn, type Sample, type Samples } from '../measure/in-turn.js'
import { median, pairedRatio } from '../measure/statistics.js'
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

/** The floor beside copyman, receivers by receivers. */
export const againstFloor = async (
  pair: NullPair & { port: number },
  floor: string,
  { rounds, mib }: BenchOptions,
): Promise<{ tables: Table[]; bars: Bar[]; series: Series }> => {
  const rows: string[][] = []
  const bars: Bar[] = []
  const of = new Map<number, Samples<'copyman' | 'floor'>>()
  for (const [receivers, bar] of FLOOR_BARS) {
    const samples = await inTurn(
      {
        copyman: () => copyman.run(pair.job(100, mib, receivers)),
        floor: floorAt(floor, pair.port, receivers),
      },
      rounds,
    )
    of.set(receivers, samples)
    const wall = pairedRatio(column(samples.copyman, 'wall'), column(samples.floor, 'wall'))
    const cpu = pairedRatio(column(samples.copyman, 'cpu'), column(samples.floor, 'cpu'))
    const size = payloadMib(mib, 100)
    rows.push([`${receivers}, copyman`, ...cellsOf(samples.copyman, size), spread(wall), spread(cpu)])
    rows.push([`${receivers}, floor`, ...cellsOf(samples.floor, size), '1', '1'])
    bars.push(atMost(`the floor, wall, ${receivers} receivers`, bar.wall, wall.median, ' ×'))
    bars.push(atMost(`the floor, CPU, ${receivers} receivers`, bar.cpu, cpu.median, ' ×'))
  }
  const slope = (who: 'copyman' | 'floor', what: 'cpu' | 'peakMib'): number => {
    const at = (receivers: number): number =>
      median(column(of.get(receivers)?.[who] as readonly Sample[], what))
    return (at(8) - at(1)) / 7
  }
  const further = slope('copyman', 'cpu') / slope('floor', 'cpu')
  bars.push(atMost('each further receiver, CPU, one more write of the floor', 1.3, further, ' ×'))
  bars.push(atMost('each further receiver, memory', 20, slope('copyman', 'peakMib'), ' MiB'))
  const beside: Table = {
    title: `Beside the floor: ${mib} MiB of frames of 100-byte rows between ${pair.name}`,
    head: ['receivers', ...CELL_HEADS, 'wall to floor', 'CPU to floor'],
    rows,
  }
  const shares = coresTable(
    [...of].flatMap(([receivers, { copyman, floor }]) => [
      [`${receivers}, copyman`, copyman] as const,
      [`${receivers}, floor`, floor] as const,
    ]),
  )
  const least: Table = {
    title:
      'What these cores allow: wall to the floor’s, of an engine that takes no more CPU than the floor and keeps all cores evenly busy',
    head: ['receivers', 'least wall to floor', 'bar'],
    rows: [...of].map(([receivers, { floor }]) => [
      String(receivers),
      leastToFloor(floor).toFixed(2),
      String(FLOOR_BARS.get(receivers)?.wall),
    ]),
  }
  return {
    tables: [beside, shares, least],
    bars,
    series: {
      name: 'floor (one thread of C)',
      mib: payloadMib(mib, 100),
      of: [...of].map(([receivers, { floor }]) => [receivers, floor] as const),
    },
  }
}
