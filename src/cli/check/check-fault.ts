import { CopyError } from '../../index.js'
import type { CheckedEnd } from './report/check-report.js'

/**
 * All errors that a check found at one end, as one fault of a copy; undefined without errors.
 * @param receiver the name of the target; undefined for the source
 */
export const checkFault = ({ findings }: CheckedEnd, receiver?: string): CopyError | undefined => {
  const errors = findings.filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return undefined
  const message = errors.map((error) => error.message).join('; ')
  return new CopyError('COPY_CHECK', message, {
    phase: 'start',
    ...(receiver !== undefined && { receiver }),
  })
}
