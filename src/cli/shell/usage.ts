import { CopyError } from '../../index.js'

/** Wrong usage: names the option, what is wrong with it, and what would be right. Never a value that may hold a secret. */
export const usageError = (message: string): CopyError => new CopyError('COPY_OPTION', message)

/** @throws CopyError COPY_OPTION unless the value is one of these */
export const oneOf = <T extends string>(option: string, value: string, legal: readonly T[]): T => {
  const found = legal.find((word) => word === value)
  if (found === undefined) {
    throw usageError(`${option} must be one of ${legal.join(', ')}, not ${JSON.stringify(value)}`)
  }
  return found
}

/** @throws CopyError COPY_OPTION unless it is a whole number in the range */
export const wholeNumber = (option: string, value: string | number, min: number, max: number): number => {
  const number = typeof value === 'number' ? value : /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isInteger(number) || number < min || number > max) {
    const range = `${min.toLocaleString('en')} to ${max.toLocaleString('en')}`
    throw usageError(`${option} must be a whole number from ${range}, not ${JSON.stringify(value)}`)
  }
  return number
}
