import { CopyError } from '../../shared/errors/errors.js'

/**
 * Refuses an option whose name is unknown, e.g. because it is misspelled.
 * @param what how the message begins: `option`, or `option ring.` for options within an option
 * @throws CopyError COPY_OPTION that names the unknown option and those that are known
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
