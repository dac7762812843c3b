/** Rates are those of the last seconds: long enough to be steady, short enough to show a change. */
const WINDOW_MS = 4000

/** What is counted. */
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

/** How fast amounts grow. */
export class Rates {
  readonly #marks = new Map<string, Mark[]>()

  /** @returns by the second, over the last seconds; all 0 until there is something to compare */
  of(what: string, amounts: Amounts, now: number): Amounts {
    const marks = this.#marks.get(what) ?? []
    // a further pass begins anew
    if (marks.some((mark) => mark.amounts.bytes > amounts.bytes)) marks.length = 0
    marks.push({ at: now, amounts })
    while (marks.length > 2 && (marks[1] as Mark).at <= now - WINDOW_MS) marks.shift()
    this.#marks.set(what, marks)
    const [first] = marks as [Mark]
    const seconds = (now - first.at) / 1000
    if (seconds <= 0) return NONE
    const by = (name: keyof Amounts): number => (amounts[name] - first.amounts[name]) / seconds
    return { bytes: by('bytes'), messages: by('messages'), share: by('share') }
  }
}
