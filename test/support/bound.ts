import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Ends what would hang. No test asserts a speed by this bound: it is far beyond what any step takes while other work
 * keeps all cores busy. It is below the longest pause before a retry and the default of `deadlines.start`, 60 s both, so
 * that a step which must not wait for one of them is seen to wait.
 */
export const BOUND_MS = 45_000

/** Within this time all that a copy has closed is gone, also while other work keeps all cores busy. */
export const CLOSE_MS = Number(process.env.COPYMAN_TEST_CLOSE_MS ?? 15_000)

/** Ends a whole copy, or several, that would hang. */
export const bounded = (): AbortSignal => AbortSignal.timeout(4 * BOUND_MS)

/** Waits until a condition holds; fails at the bound. */
export const until = async (isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const bound = performance.now() + BOUND_MS
  while (!(await isTrue())) {
    if (performance.now() > bound) assert.fail(`${what}: not within ${BOUND_MS} ms`)
    await sleep(5)
  }
}

/** The result of the work; fails where the work does not settle before the bound. */
export const inTime = async <T>(work: Promise<T>, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `${what}: not within ${BOUND_MS} ms`
    timer = setTimeout(() => reject(new assert.AssertionError({ message })), BOUND_MS)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
