import stringWidth from 'string-width'
import type { Output } from '../shell/output.js'
import { bytes, count, duration, quantity } from '../text/figures.js'
import { printable } from '../text/printable.js'
import { holderText, isTaking } from './bottleneck.js'
import type { ReceiverView, View } from './view.js'

const BAR_CELLS = 20
const MIN_BAR_COLUMNS = 100
const MAX_NAME = 32

/** The state of a target in words, shown unless the target is receiving. */
const STATES: Partial<Record<ReceiverView['state'], string>> = {
  opening: 'connecting',
  waiting: 'waits for another pass',
  faulted: 'failed',
  dropped: 'failed; the others go on',
  completing: 'completing',
  completed: 'complete',
  committing: 'committing',
  committed: 'committed',
  'rolled-back': 'rolled back',
  aborted: 'aborted',
  'in-doubt': 'in doubt',
}

export interface LineStyle {
  readonly columns: number
  /** Whether the source counts rows; a file gives bytes only. */
  readonly hasRows: boolean
  readonly styled: Output['styled']
}

/**
 * One line for each target and one for the copy.
 * @param most how many targets to show; default: all
 */
export const progressText = (view: View, style: LineStyle, most = Number.POSITIVE_INFINITY): string => {
  const { shown, hidden } = selectReceivers(view.receivers, most)
  const more = hidden === 0 ? [] : [`  … and ${quantity(hidden, 'more target')}`]
  return [...receiverLines(shown, style), ...more, totalLine(view, style)].join('\n')
}

const DONE: readonly ReceiverView['state'][] = ['committed', 'completed', 'completing']

/** If there are more targets than lines: the targets with the largest lag, in their usual order. */
const selectReceivers = (
  receivers: readonly ReceiverView[],
  most: number,
): { readonly shown: readonly ReceiverView[]; readonly hidden: number } => {
  if (receivers.length <= most) return { shown: receivers, hidden: 0 }
  const rank = ({ state, lagBytes }: ReceiverView): number => (DONE.includes(state) ? -1 : lagBytes)
  const shown = new Set([...receivers].sort((a, b) => rank(b) - rank(a)).slice(0, most))
  return { shown: receivers.filter((one) => shown.has(one)), hidden: receivers.length - shown.size }
}

const receiverLines = (receivers: readonly ReceiverView[], style: LineStyle): string[] => {
  const names = receivers.map(({ name }) => fit(printable(name), MAX_NAME))
  const width = Math.max(...names.map((name) => stringWidth(name)))
  return receivers.map((receiver, i) => {
    const parts = [pad(names[i] as string, width), ...receiverParts(receiver, style)]
    return cut(`  ${parts.join('  ')}`, style.columns)
  })
}

const totalLine = (view: View, style: LineStyle): string => {
  const { hasRows, styled, columns } = style
  const rate = hasRows ? `${count(view.messagesPerSecond)} rows/s` : `${bytes(view.bytesPerSecond)}/s`
  const parts = [
    `${duration(view.seconds)}${view.pass > 1 ? `, pass ${view.pass}` : ''}`,
    hasRows ? `${count(view.messages)} rows read` : `${bytes(view.bytes)} read`,
    rate,
    ...(view.etaSeconds === undefined ? [] : [`about ${duration(view.etaSeconds)} left`]),
  ]
  const holder = view.holder === undefined ? '' : holderText(view.holder, view.receivers.length)
  const text = cut(`  ${parts.join('  ')}${holder && `  ${printable(holder)}`}`, columns)
  return styled('bold', text)
}

const receiverParts = (receiver: ReceiverView, { columns, hasRows, styled }: LineStyle): string[] => {
  const bar =
    columns >= MIN_BAR_COLUMNS && receiver.share !== undefined ? [drawBar(receiver.share, styled)] : []
  const share =
    receiver.share === undefined ? [] : [`${Math.floor(receiver.share * 100)}`.padStart(3).concat(' %')]
  const moved = [
    ...(hasRows ? [`${count(receiver.messages)} rows`.padStart(16)] : []),
    bytes(receiver.bytes).padStart(9),
  ]
  if (isTaking(receiver)) {
    const lag = `lag ${bytes(receiver.lagBytes)}`
    return [
      ...bar,
      ...share,
      ...moved,
      `${bytes(receiver.bytesPerSecond)}/s`.padStart(11),
      styled('dim', lag),
    ]
  }
  const state = STATES[receiver.state] ?? receiver.state
  return [...moved, styled(colourOf(receiver.state), state)]
}

const colourOf = (state: ReceiverView['state']): 'green' | 'red' | 'yellow' => {
  if (state === 'committed' || state === 'completed') return 'green'
  return state === 'faulted' || state === 'dropped' || state === 'in-doubt' ? 'red' : 'yellow'
}

const drawBar = (share: number, styled: Output['styled']): string => {
  const full = Math.round(share * BAR_CELLS)
  return styled('cyan', '█'.repeat(full)) + styled('dim', '·'.repeat(BAR_CELLS - full))
}

const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - stringWidth(text)))

/** A name in at most `width` columns. Cuts off the start, since names differ at their ends. */
const fit = (text: string, width: number): string => {
  if (stringWidth(text) <= width) return text
  const characters = [...text]
  while (stringWidth(characters.join('')) > width - 1) characters.shift()
  return `…${characters.join('')}`
}

const ESCAPE = /(\u001b\[[\d;]*m)/

/** A line in at most `columns` columns, so that the terminal does not wrap it. Escapes have no width and are all kept. */
const cut = (text: string, columns: number): string => {
  if (stringWidth(text) < columns) return text
  let left = columns - 2
  let out = ''
  for (const piece of text.split(ESCAPE)) {
    if (ESCAPE.test(piece)) {
      out += piece
      continue
    }
    for (const character of piece) {
      const width = stringWidth(character)
      if (left < width) {
        if (left >= 0) out += '…'
        left = -1
        break
      }
      left -= width
      out += character
    }
  }
  return out
}
