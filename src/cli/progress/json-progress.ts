import type { Output } from '../shell/output.js'
import type { Progress } from './display.js'
import { startSampling, type Views } from './view.js'

const EVERY_MS = 1_000

/** A line of JSON on stdout every second. */
export class JsonProgress implements Progress {
  readonly #stopSampling: () => void
  readonly #timer: NodeJS.Timeout

  constructor(output: Output, views: Views) {
    this.#stopSampling = startSampling(views)
    this.#timer = setInterval(() => {
      const { holder, ...view } = views.snapshot()
      output.json({ type: 'progress', ...(roundNumbers(view) as object), heldBackBy: holder ?? null })
    }, EVERY_MS)
  }

  end(): void {
    this.#stopSampling()
    clearInterval(this.#timer)
  }
}

/** The same value with all numbers in it rounded to thousandths. */
const roundNumbers = (value: unknown): unknown => {
  if (typeof value === 'number') return Math.round(value * 1000) / 1000
  if (Array.isArray(value)) return value.map(roundNumbers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, roundNumbers(one)]))
}
