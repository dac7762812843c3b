import type { CopyError } from '../errors/errors.js'

/**
 * Waits for `work` until the signal fires; what comes of it afterwards is nobody's business.
 * @throws what `work` throws; the signal's reason
 */
export const abortable = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  let giveUp: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

/** Waits for `work` at most `ms` milliseconds. @returns whether it settled in time; a rejection counts as settled */
export const settlesWithin = async (work: Promise<unknown>, ms: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const settled = work.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([settled, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * What `work` comes to, unless that takes longer.
 * @param limitMs 0 for no limit
 * @param late called when the time is over, of which it makes the error; what comes of `work` then is nobody's business
 * @throws what `work` throws, what `late` makes
 */
export const withDeadline = async <T>(
  work: Promise<T>,
  limitMs: number,
  late: () => CopyError,
): Promise<T> => {
  if (limitMs === 0) return work
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), limitMs)
  })
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}
