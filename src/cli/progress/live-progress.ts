import { createLogUpdate } from 'log-update'
import type { Output } from '../shell/output.js'
import type { Progress } from './display.js'
import { progressText } from './lines.js'
import type { View, Views } from './view.js'

const REDRAW_MS = 125
const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24
/** Lines of the screen that are not for targets: the total, the line about hidden targets, and the prompt. */
const OTHER_ROWS = 4

/** One line for each target and one for the copy, redrawn in place on a terminal. */
export class LiveProgress implements Progress {
  readonly #output: Output
  readonly #hasRows: boolean
  readonly #log = createLogUpdate(process.stderr, { showCursor: true })
  readonly #timer: NodeJS.Timeout
  #view: View

  constructor(output: Output, views: Views, hasRows: boolean) {
    this.#output = output
    this.#hasRows = hasRows
    this.#view = views.snapshot()
    output.setLiveRegion({ clear: () => this.#log.clear(), draw: () => this.#draw() })
    this.#draw()
    this.#timer = setInterval(() => {
      this.#view = views.snapshot()
      this.#draw()
    }, REDRAW_MS)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#log.clear()
    this.#log.done()
    this.#output.setLiveRegion(undefined)
  }

  #draw(): void {
    const { columns = DEFAULT_COLUMNS, rows = DEFAULT_ROWS } = process.stderr
    const style = { columns, hasRows: this.#hasRows, styled: this.#output.styled.bind(this.#output) }
    this.#log(progressText(this.#view, style, Math.max(1, rows - OTHER_ROWS)))
  }
}
