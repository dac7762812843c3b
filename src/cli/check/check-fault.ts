import { CopyError } from '../../index.js'
import type { CheckedEnd } from './report/check-report.js'

/**
 * Why an end must not be copied from or to, as the fault that a copy would tell of: all its errors in one. Undefined when
 * it is well.
 * @param receiver its name as a receiver; not given for the source
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
