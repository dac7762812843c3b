import type { TestContext } from 'node:test'

const given = process.env.COPYMAN_SEED

/** The seed of every random test in this process: COPYMAN_SEED, or a new one. */
export const SEED = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)

/** Parameters for fast-check. Prints the seed, so that a failure can be repeated. */
export const seeded = (t: TestContext, numRuns: number): { seed: number; numRuns: number } => {
  t.diagnostic(`COPYMAN_SEED=${SEED}`)
  return { seed: SEED, numRuns }
}

/** Pseudo-random numbers from 0 to below 1, decided by the seed alone (mulberry32). */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
