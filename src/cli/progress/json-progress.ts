import type { Output } from '../shell/output.js'
import type { Progress } from './display.js'
import { LOOK_MS, type Views } from './view.js'

const EVERY_MS = 1_000

/** A line of JSON on stdout now and then. */
export class JsonProgress implements Progress {
  readonly #looking: NodeJS.Timeout
  readonly #timer: NodeJS.Timeout

  constructor(output: Output, views: Views) {
    views.snapshot()
    this.#looking = setInterval(() => views.snapshot(), LOOK_MS)
    this.#timer = setInterval(() => {
      const { holder, ...view } = views.snapshot()
      output.json({ type: 'progress', ...(rounded(view) as object), heldBackBy: holder ?? null })
    }, EVERY_MS)
  }

  end(): void {
    clearInterval(this.#looking)
    clearInterval(this.#timer)
  }
}

/** Thousandths are enough for anybody. */
const rounded = (value: unknown): unknown => {
  if (typeof value === 'number') return Math.round(value * 1000) / 1000
  if (Array.isArray(value)) return value.map(rounded)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, rounded(one)]))
}
