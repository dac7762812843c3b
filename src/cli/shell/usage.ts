import { CopyError } from '../../index.js'
import { count } from '../text/figures.js'

/**
 * An error of usage.
 * @param message names the option, its problem and what is legal; never a value that may contain a secret
 */
export const usageError = (message: string): CopyError => new CopyError('COPY_OPTION', message)

/** @throws CopyError COPY_OPTION for a value that is not in `legal` */
export const oneOf = <T extends string>(option: string, value: string, legal: readonly T[]): T => {
  const found = legal.find((word) => word === value)
  if (found === undefined) {
    throw usageError(`${option} must be one of ${legal.join(', ')}, not ${JSON.stringify(value)}`)
  }
  return found
}

/** @throws CopyError COPY_OPTION for a value that is no whole number from `min` to `max` */
export const wholeNumber = (option: string, value: string | number, min: number, max: number): number => {
  const number = typeof value === 'number' ? value : /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isInteger(number) || number < min || number > max) {
    const range = `${count(min)} to ${count(max)}`
    throw usageError(`${option} must be a whole number from ${range}, not ${JSON.stringify(value)}`)
  }
  return number
}
