import { readFileSync } from 'node:fs'

/** The unit of CPU times in /proc/stat: 100 ticks a second on Linux (man 5 proc). */
const TICKS_PER_SECOND = 100
/** Columns of /proc/stat in which a processor was idle or not available: idle, iowait, steal. */
const NOT_BUSY = [3, 4, 7]
/** The columns after these are times of guests, which the column user includes already. */
const COLUMNS = 8

/** CPU seconds that the whole machine has used since its start; NaN on systems without /proc/stat. */
export const busySeconds = (): number => {
  try {
    const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
    const ticks = line
      .trim()
      .split(/ +/)
      .slice(1, 1 + COLUMNS)
      .map(Number)
    return ticks.reduce((sum, n, i) => (NOT_BUSY.includes(i) ? sum : sum + n), 0) / TICKS_PER_SECOND
  } catch {
    return Number.NaN
  }
}
