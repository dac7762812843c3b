import { column, type Sample } from './in-turn.js'
import { type Spread, spreadOf } from './statistics.js'

const GIB_IN_MIB = 1024

/** `1.23 (1.20–1.31)`: the median, the least and the greatest value. */
export const spread = ({ median, least, greatest }: Spread, digits = 2): string =>
  `${median.toFixed(digits)} (${least.toFixed(digits)}–${greatest.toFixed(digits)})`

/** Cells of a contender in a table: wall, payload throughput, CPU per GiB of payload read, peak memory. */
export const cellsOf = (samples: readonly Sample[], payloadMib: number): string[] => {
  const wall = spreadOf(column(samples, 'wall'))
  const cpu = spreadOf(column(samples, 'cpu').map((seconds) => (seconds * GIB_IN_MIB) / payloadMib))
  const peak = spreadOf(column(samples, 'peakMib')).median
  return [
    spread(wall),
    (payloadMib / wall.median).toFixed(0),
    spread(cpu),
    Number.isNaN(peak) ? '–' : peak.toFixed(0),
  ]
}

/** The heads of these cells. */
export const CELL_HEADS = ['wall, s', 'MiB/s', 'CPU s per GiB', 'peak, MiB']
