import { styleText } from 'node:util'

/** As styleText names them. */
type Style = Parameters<typeof styleText>[0]

/** What JSON leaves as it is and a terminal obeys; inside its strings it may be written as an escape. */
const OBEYED = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** Lines that are drawn again and again below whatever is printed. */
export interface LiveRegion {
  clear(): void
  draw(): void
}

/** Whether colours are wanted there: NO_COLOR, FORCE_COLOR and TERM as https://no-color.org and Node have it. */
const hasColours = (stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean => {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return stream.isTTY === true && stream.hasColors()
}

/** Results on stdout, everything else on stderr. A reader that went away, such as `head`, is no error: nobody is told more. */
export class Output {
  readonly #colours: boolean
  readonly #colourfulResults: boolean
  #live: LiveRegion | undefined
  #closed = new Set<NodeJS.WriteStream>()

  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.#colours = hasColours(process.stderr, env)
    this.#colourfulResults = hasColours(process.stdout, env)
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', () => this.#closed.add(stream))
    }
  }

  /** Whether live lines can be drawn: stderr is a terminal that can move its cursor. */
  get canDraw(): boolean {
    return process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  }

  /** Text for stderr in a style, if it shows styles. */
  styled(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text
  }

  /** Text for stdout in a style, if it shows styles. */
  styledResult(style: Style, text: string): string {
    return this.#colourfulResults ? styleText(style, text, { validateStream: false }) : text
  }

  /** One result, on stdout. */
  result(text: string): void {
    this.#live?.clear()
    this.#write(process.stdout, `${text}\n`)
    this.#live?.draw()
  }

  /** A line of JSON, on stdout. */
  json(value: object): void {
    const line = JSON.stringify(value)
    this.result(
      line.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`),
    )
  }

  /** Something to know, on stderr. */
  tell(text: string): void {
    this.#live?.clear()
    this.#write(process.stderr, `${text}\n`)
    this.#live?.draw()
  }

  /** Something that may be a mistake. */
  warn(text: string): void {
    this.tell(`copyman: ${this.styled('yellow', 'warning:')} ${text}`)
  }

  /** Something that went wrong. */
  complain(text: string): void {
    this.tell(`copyman: ${text}`)
  }

  /** What is printed from now on appears above these lines. */
  drawAlso(live: LiveRegion | undefined): void {
    this.#live = live
  }

  /** Settles when everything has left. */
  async flush(): Promise<void> {
    for (const stream of [process.stdout, process.stderr]) {
      if (this.#closed.has(stream)) continue
      await new Promise<void>((resolve) => {
        stream.write('', () => resolve())
      })
    }
  }

  #write(stream: NodeJS.WriteStream, text: string): void {
    if (!this.#closed.has(stream)) stream.write(text)
  }
}
