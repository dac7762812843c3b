import assert from 'node:assert/strict'

const BOUND_MS = 10_000

/** What the promise comes to; fails after ten seconds, where without it a test would hang. */
export const soon = async <T>(work: Promise<T>, what: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `${what}: not within ${BOUND_MS} ms` })),
      BOUND_MS,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
