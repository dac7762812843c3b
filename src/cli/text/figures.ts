const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
const STEP = 1024

/** `1,234`. */
export const count = (number: number): string => Math.round(number).toLocaleString('en')

/** A count with its noun: `1 row`, `2 rows`. */
export const quantity = (number: number, noun: string, nouns = `${noun}s`): string =>
  `${count(number)} ${number === 1 ? noun : nouns}`

/** `312 B`, `1.2 MiB`. */
export const bytes = (number: number): string => {
  let value = number
  let unit = 0
  while (value >= STEP && unit < UNITS.length - 1) {
    value /= STEP
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`
}

/** `0.21 s`, `12 s`, `3:05`, `1:02:03`. */
export const duration = (seconds: number): string => {
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (part: number): string => String(part).padStart(2, '0')
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}

/** `12 s`, `5 min`, `3 h`: a guess made before the copy. The form of `duration` would promise an accuracy of seconds. */
export const roughDuration = (seconds: number): string => {
  if (seconds < 1) return 'less than 1 s'
  if (seconds < 100) return `${Math.round(seconds)} s`
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}
