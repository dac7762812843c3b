import type { Cell } from './screen.js'

const CELL = { width: 8.4, height: 20 }
const MARGIN = 16
const FONT = "14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
const INK = '#d0d7de'
const PAPER = '#161b22'
const COLOURS: Readonly<Record<string, string>> = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  36: '#76e3ea',
  90: '#8b949e',
}

/** Draws lines of a terminal as SVG. Each run of one style is one text, stretched to the width of its cells in any font. */
export const drawSvg = (rows: readonly (readonly Cell[])[], title: string): string => {
  const columns = Math.max(...rows.map(({ length }) => length))
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN)
  const height = rows.length * CELL.height + 2 * MARGIN
  const texts = rows.flatMap((row, i) =>
    runs(row).map((run) => drawRun(run, MARGIN + (i + 0.75) * CELL.height)),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="8" fill="${PAPER}"/>
<g style="font: ${FONT}; white-space: pre" fill="${INK}">
${texts.join('\n')}
</g>
</svg>
`
}

interface Run {
  readonly column: number
  readonly text: string
  readonly style: string
}

const runs = (row: readonly Cell[]): Run[] => {
  const found: Run[] = []
  for (const [column, { text, style }] of row.entries()) {
    const last = found.at(-1)
    if (last?.style === style) found[found.length - 1] = { ...last, text: last.text + text }
    else found.push({ column, text, style })
  }
  return found.filter(({ text }) => text.trim() !== '')
}

const drawRun = ({ column, text, style }: Run, y: number): string => {
  const codes = style.split(';')
  const colour = codes.map((code) => COLOURS[code]).find((found) => found !== undefined)
  const look = [
    ...(colour === undefined ? [] : [` fill="${colour}"`]),
    ...(codes.includes('1') ? [' font-weight="bold"'] : []),
    ...(codes.includes('2') ? [' opacity="0.6"'] : []),
  ].join('')
  const x = (MARGIN + column * CELL.width).toFixed(1)
  const wide = ([...text].length * CELL.width).toFixed(1)
  return `<text x="${x}" y="${y}" textLength="${wide}" lengthAdjust="spacingAndGlyphs" xml:space="preserve"${look}>${escaped(text)}</text>`
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
