export interface Table {
  readonly title?: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Lines over a number of receivers. */
export interface Chart {
  /** File name without its ending. */
  readonly name: string
  readonly title: string
  readonly yAxis: string
  readonly lines: readonly {
    readonly name: string
    readonly points: readonly (readonly [number, number])[]
  }[]
}

/** What was to be reached, and what was. */
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

/** A bar on a number that must not exceed it. */
export const atMost = (against: string, limit: number, value: number, unit: string): Bar => ({
  against,
  bar: `≤ ${limit}${unit}`,
  figure: Number.isNaN(value) ? 'not measured' : `${value.toFixed(2)}${unit}`,
  isHeld: value <= limit,
})

/** A bar on a number that must reach it. */
export const atLeast = (against: string, limit: number, value: number, unit: string): Bar => ({
  against,
  bar: `≥ ${limit}${unit}`,
  figure: Number.isNaN(value) ? 'not measured' : `${value.toFixed(2)}${unit}`,
  isHeld: value >= limit,
})
