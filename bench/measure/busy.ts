import { readFileSync } from 'node:fs'

/** What the kernel counts CPU time in, 100 a second on Linux (man 5 proc, /proc/stat). */
const TICKS_PER_SECOND = 100
/** Columns of /proc/stat in which a processor had nothing to do, or was not there: idle, iowait, steal. */
const NOT_BUSY = [3, 4, 7]
/** Those behind are of guests, whose time stands under user already. */
const COLUMNS = 8

/** CPU seconds that all of the machine has taken since it started; NaN where the system does not tell. */
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
