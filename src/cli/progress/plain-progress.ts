import type { Output } from '../shell/output.js'
import type { Progress } from './display.js'
import { receiverLines, totalLine } from './lines.js'
import { LOOK_MS, type Views } from './view.js'

const FIRST_MS = 5_000
const EVERY_MS = 10_000
const COLUMNS = 200

/** The same lines now and then, where nothing can be redrawn. */
export class PlainProgress implements Progress {
  readonly #output: Output
  readonly #views: Views
  readonly #hasRows: boolean
  readonly #looking: NodeJS.Timeout
  #timer: NodeJS.Timeout

  constructor(output: Output, views: Views, hasRows: boolean) {
    this.#output = output
    this.#views = views
    this.#hasRows = hasRows
    views.snapshot()
    this.#looking = setInterval(() => views.snapshot(), LOOK_MS)
    this.#timer = setTimeout(() => this.#show(), FIRST_MS)
  }

  end(): void {
    clearInterval(this.#looking)
    clearTimeout(this.#timer)
  }

  #show(): void {
    const style = { columns: COLUMNS, hasRows: this.#hasRows, styled: this.#output.styled.bind(this.#output) }
    const view = this.#views.snapshot()
    this.#output.tell([...receiverLines(view, style), totalLine(view, style)].join('\n'))
    this.#timer = setTimeout(() => this.#show(), EVERY_MS)
  }
}
