/** Runs all, `width` at a time; the first failure names its case, and ends the run. */
export const inParallel = async <T>(
  all: readonly T[],
  width: number,
  run: (one: T) => Promise<void>,
): Promise<void> => {
  const rest = [...all].reverse()
  let failed = false
  const lane = async (): Promise<void> => {
    for (let one = rest.pop(); one !== undefined && !failed; one = rest.pop()) {
      try {
        await run(one)
      } catch (error) {
        failed = true
        throw new Error(`${JSON.stringify(one)}: ${(error as Error).message}`, { cause: error })
      }
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
}
