/** The middle value; for an even number of values, the mean of the two middle values. */
export const median = (values: readonly number[]): number => {
  if (values.length === 0) throw new RangeError('median of nothing')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2
}

/** The median, the least and the greatest value. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly greatest: number
}

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  least: Math.min(...values),
  greatest: Math.max(...values),
})

/** The spread of the ratios of values that were measured next to each other. */
export const pairedRatio = (ours: readonly number[], theirs: readonly number[]): Spread =>
  spreadOf(ours.map((value, pair) => value / (theirs[pair] as number)))
