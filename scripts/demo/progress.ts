import type { CopyStats, ReceiverStats } from '../../src/index.js'

const MIB = 1024 * 1024
const BAR_CELLS = 24
const REDRAW_MS = 100
const PLAIN_MS = 1000

/** One line for each receiver: redrawn in place on a terminal, else printed once a second. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  readonly #expectedRows: number
  readonly #stats: () => CopyStats
  readonly #timer: NodeJS.Timeout
  #drawn = 0

  constructor(out: NodeJS.WriteStream, expectedRows: number, stats: () => CopyStats) {
    this.#out = out
    this.#expectedRows = expectedRows
    this.#stats = stats
    this.#timer = setInterval(() => this.#show(), out.isTTY ? REDRAW_MS : PLAIN_MS)
  }

  /** Prints a permanent line above the live lines. */
  say(text: string): void {
    this.#drawn = 0
    this.#out.write(`${text}\n`)
  }

  /** Shows the final state and stops. */
  end(): void {
    clearInterval(this.#timer)
    this.#show()
  }

  #show(): void {
    const stats = this.#stats()
    const lines = stats.receivers.map((receiver) => this.#line(receiver, stats.seconds))
    if (!this.#out.isTTY) {
      this.#out.write(`${lines.join('\n')}\n`)
      return
    }
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : ''
    this.#out.write(up + lines.map((line) => `\u001b[2K${line}\n`).join(''))
    this.#drawn = lines.length
  }

  #line(receiver: ReceiverStats, seconds: number): string {
    const share = Math.min(1, receiver.messages / this.#expectedRows)
    const bar = '█'.repeat(Math.round(share * BAR_CELLS)).padEnd(BAR_CELLS, '·')
    const rate = seconds > 0 ? receiver.bytes / MIB / seconds : 0
    return [
      `  ${receiver.name.padEnd(8)} ${bar}`,
      `${receiver.messages.toLocaleString('en').padStart(11)} rows`,
      `${rate.toFixed(0).padStart(5)} MiB/s`,
      `lag ${(receiver.lagBytes / MIB).toFixed(1).padStart(5)} MiB`,
      receiver.state,
    ].join('  ')
  }
}
