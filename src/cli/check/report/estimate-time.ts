import type { Format } from '../catalog/copy-source.js'
import type { Estimate } from '../catalog/inspect-query.js'

/** What one target usually takes, in bytes a second; a guess that says minutes or hours, measured on one machine only. */
const BYTES_PER_SECOND: Readonly<Record<Format, number>> = { text: 40e6, csv: 40e6, binary: 70e6 }

/** How long a copy of that size may take. All targets are loaded at once, so their number does not count. */
export const secondsFor = ({ bytes }: Estimate, format: Format): number => bytes / BYTES_PER_SECOND[format]

/** `2 s`, `5 min`, `3 h`. */
export const roughTime = (seconds: number): string => {
  if (seconds < 1) return 'less than 1 s'
  if (seconds < 100) return `${Math.round(seconds)} s`
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB']

/** `226 MB`. */
export const roughBytes = (bytes: number): string => {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  const value = bytes / 1000 ** unit
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`
}
