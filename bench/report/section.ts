export interface Table {
  readonly title?: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Lines over the number of receivers. */
export interface Chart {
  /** File name without the extension. */
  readonly name: string
  readonly title: string
  readonly yAxis: string
  readonly lines: readonly {
    readonly name: string
    readonly points: readonly (readonly [number, number])[]
  }[]
}

/** A target for a figure, and the figure that was reached. */
export interface Bar {
  readonly against: string
  readonly bar: string
  readonly figure: string
  readonly isHeld: boolean
}

/** One part of the results. */
export interface Section {
  readonly title: string
  readonly text: string
  readonly tables: readonly Table[]
  readonly charts: readonly Chart[]
  readonly bars: readonly Bar[]
}

/** A bar for a number that must not exceed `limit`. */
export const atMost = (against: string, limit: number, value: number, unit: string): Bar => ({
  against,
  bar: `≤ ${limit}${unit}`,
  figure: Number.isNaN(value) ? 'not measured' : `${value.toFixed(2)}${unit}`,
  isHeld: value <= limit,
})

/** A bar for a number that must reach `limit`. */
export const atLeast = (against: string, limit: number, value: number, unit: string): Bar => ({
  against,
  bar: `≥ ${limit}${unit}`,
  figure: Number.isNaN(value) ? 'not measured' : `${value.toFixed(2)}${unit}`,
  isHeld: value >= limit,
})
