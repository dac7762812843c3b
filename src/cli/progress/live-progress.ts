import { createLogUpdate } from 'log-update'
import type { Output } from '../shell/output.js'
import { counted } from '../text/figures.js'
import type { Progress } from './display.js'
import { receiverLines, totalLine } from './lines.js'
import type { ReceiverView, View, Views } from './view.js'

const REDRAW_MS = 125
const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24
/** Lines of the screen that are not for targets: the total, what is summed up, the prompt before. */
const OTHER_ROWS = 4

/** One line for each target and one for all, redrawn in place on a terminal. */
export class LiveProgress implements Progress {
  readonly #output: Output
  readonly #views: Views
  readonly #hasRows: boolean
  readonly #log = createLogUpdate(process.stderr, { showCursor: true })
  readonly #timer: NodeJS.Timeout
  #view: View

  constructor(output: Output, views: Views, hasRows: boolean) {
    this.#output = output
    this.#views = views
    this.#hasRows = hasRows
    this.#view = views.snapshot()
    output.drawAlso({ clear: () => this.#log.clear(), draw: () => this.#draw() })
    this.#draw()
    this.#timer = setInterval(() => {
      this.#view = this.#views.snapshot()
      this.#draw()
    }, REDRAW_MS)
  }

  end(): void {
    clearInterval(this.#timer)
    this.#log.clear()
    this.#log.done()
    this.#output.drawAlso(undefined)
  }

  #draw(): void {
    const { columns = DEFAULT_COLUMNS, rows = DEFAULT_ROWS } = process.stderr
    const style = {
      columns,
      hasRows: this.#hasRows,
      styled: this.#output.styled.bind(this.#output),
    }
    const { shown, hidden } = choose(this.#view.receivers, Math.max(1, rows - OTHER_ROWS))
    const more = hidden.length === 0 ? [] : [`  … and ${counted(hidden.length, 'more target')}`]
    const lines = [
      ...receiverLines({ ...this.#view, receivers: shown }, style),
      ...more,
      totalLine(this.#view, style),
    ]
    this.#log(lines.join('\n'))
  }
}

const DONE: readonly ReceiverView['state'][] = ['committed', 'completed', 'completing']

/** Where there are more targets than lines: those first that others wait for. */
const choose = (
  receivers: readonly ReceiverView[],
  lines: number,
): { readonly shown: readonly ReceiverView[]; readonly hidden: readonly ReceiverView[] } => {
  if (receivers.length <= lines) return { shown: receivers, hidden: [] }
  const rank = ({ state, lagBytes }: ReceiverView): number => (DONE.includes(state) ? -1 : lagBytes)
  const byRank = [...receivers].sort((a, b) => rank(b) - rank(a))
  const shown = new Set(byRank.slice(0, lines))
  return {
    shown: receivers.filter((receiver) => shown.has(receiver)),
    hidden: receivers.filter((receiver) => !shown.has(receiver)),
  }
}
