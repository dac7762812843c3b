/** One character of the screen, and its style: SGR codes as they were sent. */
export interface Cell {
  readonly text: string
  readonly style: string
}

const CSI = /^\u001b\[([?\d;]*)([A-Za-z])/

/** A terminal's screen, for a program's output. Knows only the escape sequences that the live lines use. */
export class Screen {
  #rows: Cell[][] = [[]]
  #row = 0
  #column = 0
  #style = ''
  #rest = ''

  /** Takes output of the program. An incomplete escape sequence at the end waits for the next call. */
  write(text: string): void {
    let left = this.#rest + text
    this.#rest = ''
    while (left !== '') {
      if (left[0] === '\u001b') {
        const match = CSI.exec(left)
        if (match === null) {
          this.#rest = left
          return
        }
        this.#execute(match[1] ?? '', match[2] ?? '')
        left = left.slice(match[0].length)
        continue
      }
      const [character = ''] = left
      this.#put(character)
      left = left.slice(character.length)
    }
  }

  /** The lines that are not empty. */
  get rows(): readonly (readonly Cell[])[] {
    return this.#rows.filter((row) => row.some(({ text }) => text.trim() !== ''))
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') this.#move(this.#row + 1)
    else {
      const row = this.#rows[this.#row] as Cell[]
      while (row.length < this.#column) row.push({ text: ' ', style: '' })
      row[this.#column] = { text: character, style: this.#style }
      this.#column += 1
    }
  }

  #move(row: number): void {
    this.#row = Math.max(0, row)
    while (this.#rows.length <= this.#row) this.#rows.push([])
  }

  #execute(parameters: string, command: string): void {
    const count = Number.parseInt(parameters, 10) || 0
    const row = this.#rows[this.#row] as Cell[]
    if (command === 'A') this.#move(this.#row - (count || 1))
    else if (command === 'B') this.#move(this.#row + (count || 1))
    else if (command === 'E') {
      this.#move(this.#row + (count || 1))
      this.#column = 0
    } else if (command === 'G') this.#column = (count || 1) - 1
    else if (command === 'K') {
      if (count === 2) row.length = 0
      else row.length = Math.min(row.length, this.#column)
    } else if (command === 'J') {
      row.length = Math.min(row.length, this.#column)
      this.#rows.length = this.#row + 1
    } else if (command === 'm')
      this.#style = parameters === '' || count === 0 ? '' : next(this.#style, parameters)
  }
}

/** The style after one more SGR code: 39 ends colours, 22 ends bold and dim. */
const next = (style: string, code: string): string => {
  const ends = code === '39' ? /^[39]\d$/ : code === '22' ? /^[12]$/ : undefined
  const kept = style.split(';').filter((one) => one !== '' && ends?.test(one) !== true)
  return (ends === undefined ? [...kept, code] : kept).join(';')
}
