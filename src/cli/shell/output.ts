import { styleText } from 'node:util'
import { printableJson } from '../text/printable.js'

/** A style, or several, by the names of styleText. */
type Style = Parameters<typeof styleText>[0]

/** Lines that are redrawn below all other output. */
export interface LiveRegion {
  clear(): void
  draw(): void
}

/** Whether to use colours on a stream: by NO_COLOR (https://no-color.org), FORCE_COLOR and TERM, as Node does. */
const hasColours = (stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean => {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  return stream.isTTY === true && stream.hasColors()
}

/** Results on stdout, everything else on stderr. A reader may close its pipe, as `head` does: further output is dropped. */
export class Output {
  readonly #colours: boolean
  readonly #resultColours: boolean
  #live: LiveRegion | undefined
  #closed = new Set<NodeJS.WriteStream>()

  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.#colours = hasColours(process.stderr, env)
    this.#resultColours = hasColours(process.stdout, env)
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', () => this.#closed.add(stream))
    }
  }

  /** Whether stderr is a terminal that can move its cursor, so that live lines can be drawn. */
  get canDraw(): boolean {
    return process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  }

  /** Text for stderr in a style; without the style if stderr has no colours. */
  styled(style: Style, text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text
  }

  /** Text for stdout in a style; without the style if stdout has no colours. */
  styledResult(style: Style, text: string): string {
    return this.#resultColours ? styleText(style, text, { validateStream: false }) : text
  }

  /** One result, on stdout. */
  result(text: string): void {
    this.#live?.clear()
    this.#write(process.stdout, `${text}\n`)
    this.#live?.draw()
  }

  /** A line of JSON, on stdout. */
  json(value: object): void {
    this.result(printableJson(value))
  }

  /** A line on stderr. */
  info(text: string): void {
    this.#live?.clear()
    this.#write(process.stderr, `${text}\n`)
    this.#live?.draw()
  }

  /** A warning, on stderr. */
  warn(text: string): void {
    this.info(`copyman: ${this.styled('yellow', 'warning:')} ${text}`)
  }

  /** An error, on stderr. */
  error(text: string): void {
    this.info(`copyman: ${text}`)
  }

  /** Sets the live lines: all further output appears above them. */
  setLiveRegion(live: LiveRegion | undefined): void {
    this.#live = live
  }

  /** Resolves when both streams have written everything. */
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
