import type { CopyError } from '../../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'

/**
 * Resolves with `starting`; rejects if, after `limitMs`, the server reports that the statement is waiting for a lock. A
 * limit on time alone would be wrong: a server reports the begin of COPY TO together with the first rows, so it is
 * silent for as long as the query computes.
 * @param limitMs 0 for no limit
 * @param diagnose asks the server, once, when the time is over
 * @param late called when the statement waits for a lock; makes the error
 * @throws the error of `starting`, of `diagnose` or of `late`
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
