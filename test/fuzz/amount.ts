import { randomFrom, SEED } from '../support/seed.js'

/** Whether the suites run in full, by `npm run test:fault`, or as the samples that `npm test` takes. */
export const IS_FULL = process.env.COPYMAN_FAULT === 'full'

/** How long one test of a suite may take. */
export const TIMEOUT_MS = 25 * 60_000

/** All of these in full; a sample of them that the seed chooses, in their order, else. */
export const sampleOf = <T>(all: readonly T[], size: number): readonly T[] => {
  if (IS_FULL || all.length <= size) return all
  const random = randomFrom(SEED)
  const chosen = new Set<number>()
  while (chosen.size < size) chosen.add(Math.floor(random() * all.length))
  return [...chosen].sort((a, b) => a - b).map((index) => all[index] as T)
}
