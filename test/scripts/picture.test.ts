import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Screen } from '../../scripts/picture/screen.js'
import { drawSvg } from '../../scripts/picture/svg.js'

const shown = (screen: Screen): string[] => screen.rows.map((row) => row.map(({ text }) => text).join(''))

test('a screen shows the last text drawn, however the output is cut', () => {
  const sent =
    'one\r\n\u001b[1mtwo\u001b[22m\r\n\u001b[2A\u001b[2K\u001b[Gnew\u001b[K\u001b[E\u001b[G\u001b[Jend'
  const screen = new Screen()
  for (const character of sent) screen.write(character)
  assert.deepEqual(shown(screen), ['new', 'end'])
})

test('a picture has each run of one style as one text, with its colour, and escapes XML', () => {
  const screen = new Screen()
  screen.write('  \u001b[32ma<b\u001b[39m &c\u001b[1m!\u001b[22m')
  const svg = drawSvg(screen.rows, 'a & b')
  assert.match(svg, /<title>a &amp; b<\/title>/)
  assert.match(svg, /fill="#7ee787">a&lt;b<\/text>/)
  assert.match(svg, /preserve"> &amp;c<\/text>/)
  assert.match(svg, /font-weight="bold">!<\/text>/)
})
