/** Rates are averages over this window: long enough to be steady, short enough to show a change. */
const WINDOW_MS = 4000

/** Amounts that grow during a copy. */
export interface Amounts {
  readonly bytes: number
  readonly messages: number
  readonly share: number
}

interface Mark {
  readonly at: number
  readonly amounts: Amounts
}

const NONE: Amounts = { bytes: 0, messages: 0, share: 0 }

/** Rates of several series of amounts. */
export class Rates {
  readonly #marks = new Map<string, Mark[]>()

  /**
   * Adds the amounts of now to a series.
   * @returns the growth per second over the window; 0 for the first amounts
   */
  of(series: string, amounts: Amounts, now: number): Amounts {
    const marks = this.#marks.get(series) ?? []
    // a further pass starts at 0 again
    if (marks.some((mark) => mark.amounts.bytes > amounts.bytes)) marks.length = 0
    marks.push({ at: now, amounts })
    while (marks.length > 2 && (marks[1] as Mark).at <= now - WINDOW_MS) marks.shift()
    this.#marks.set(series, marks)
    const [first] = marks as [Mark]
    const seconds = (now - first.at) / 1000
    if (seconds <= 0) return NONE
    const by = (name: keyof Amounts): number => (amounts[name] - first.amounts[name]) / seconds
    return { bytes: by('bytes'), messages: by('messages'), share: by('share') }
  }
}
