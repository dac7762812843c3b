/**
 * Waits for `work` until the signal fires. The later result of `work` is ignored.
 * @throws the rejection of `work`, or the reason of the signal
 */
export const abortable = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  let abort: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Waits for `work`, `ms` milliseconds at most. @returns whether `work` settled in time; a rejection counts as settled */
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
 * The result of `work`, within a time limit. The later result of `work` is ignored.
 * @param limitMs 0 for no limit
 * @param late called when the limit has passed; makes the error
 * @throws the rejection of `work`, or the error that `late` makes
 */
export const withDeadline = async <T>(work: Promise<T>, limitMs: number, late: () => Error): Promise<T> => {
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

/**
 * Calls `cancel` once when the limit has passed or the signal fires, whichever comes first; at once when the signal has
 * fired already.
 * @param limitMs 0 for no limit
 * @returns ends the watch
 */
export const cancelAfter = (limitMs: number, signal: AbortSignal, cancel: () => void): (() => void) => {
  const end = (): void => {
    clearTimeout(timer)
    signal.removeEventListener('abort', fire)
  }
  const fire = (): void => {
    end()
    cancel()
  }
  const timer = limitMs === 0 ? undefined : setTimeout(fire, limitMs)
  signal.addEventListener('abort', fire)
  if (signal.aborted) fire()
  return end
}
