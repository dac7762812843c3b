import type { CopyError } from '../../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'

/**
 * What `starting` comes to, unless its server says, once the time is over, that it waits for a lock. A server tells of
 * the begin of COPY TO together with the first rows, so a query that computes is silent for as long as that takes.
 * @param limitMs 0 for no limit
 * @param late called when it waits too long; makes the error
 * @throws what `starting` throws, what `late` makes
 */
export const withLockTimeout = async <T>(
  starting: Promise<T>,
  limitMs: number,
  diagnose: () => Promise<WaitDiagnosis | 'gone' | undefined>,
  late: (blockedBy: readonly number[]) => CopyError,
): Promise<T> => {
  if (limitMs === 0) return starting
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const locked = new Promise<never>((_, reject) => {
    const ask = async (): Promise<void> => {
      const diagnosis = await diagnose()
      if (isOver || diagnosis === 'gone' || diagnosis?.backend?.waitEventType !== 'Lock') return
      reject(late(diagnosis.backend.blockedBy))
    }
    timer = setTimeout(() => ask().catch(reject), limitMs)
  })
  try {
    return await Promise.race([starting, locked])
  } finally {
    isOver = true
    clearTimeout(timer)
  }
}
