import { CopyError } from '../../shared/errors/errors.js'

/**
 * Options are spelled as they are known, or refused.
 * @param what how the message calls them, such as `option` or `option ring.`
 * @throws CopyError COPY_OPTION naming the unknown one and those that are known
 */
export const refuseUnknown = (options: object, known: readonly string[], what: string): void => {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new CopyError(
        'COPY_OPTION',
        `${what}${what.endsWith('.') ? '' : ' '}${name} is unknown; known are ${known.join(', ')}`,
      )
    }
  }
}
