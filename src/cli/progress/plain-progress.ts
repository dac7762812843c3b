import type { Output } from '../shell/output.js'
import type { Progress } from './display.js'
import { progressText } from './lines.js'
import { startSampling, type Views } from './view.js'

const FIRST_MS = 5_000
const EVERY_MS = 10_000
const COLUMNS = 200

/** The lines of LiveProgress for an output that cannot redraw: after 5 s, then every 10 s. */
export class PlainProgress implements Progress {
  readonly #output: Output
  readonly #views: Views
  readonly #hasRows: boolean
  readonly #stopSampling: () => void
  #timer: NodeJS.Timeout

  constructor(output: Output, views: Views, hasRows: boolean) {
    this.#output = output
    this.#views = views
    this.#hasRows = hasRows
    this.#stopSampling = startSampling(views)
    this.#timer = setTimeout(() => this.#print(), FIRST_MS)
  }

  end(): void {
    this.#stopSampling()
    clearTimeout(this.#timer)
  }

  #print(): void {
    const style = { columns: COLUMNS, hasRows: this.#hasRows, styled: this.#output.styled.bind(this.#output) }
    this.#output.info(progressText(this.#views.snapshot(), style))
    this.#timer = setTimeout(() => this.#print(), EVERY_MS)
  }
}
