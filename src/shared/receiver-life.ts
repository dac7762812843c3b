import { Drain } from './drain.js'
import type { ReceiverCommand, ReceiverReport } from './messages.js'
import { RingReader, type RingTicket } from './ring-reader.js'
import type { Target } from './target.js'

/** How a life reports to main: a thrown value goes as it is, the link makes what crosses a thread of it. */
export type Report =
  | Exclude<ReceiverReport, { type: 'fault' }>
  | { readonly type: 'fault'; readonly cause: unknown }

/**
 * One receiver's life in its own thread, a worker or the main one: it does what main tells it, with a target on one
 * side and the ring on the other. Main sends one command at a time and awaits its report; abort may come at any moment.
 */
export class ReceiverLife {
  /** Settles when the life is over. */
  readonly over: Promise<void>
  readonly #makeTarget: () => Target | Promise<Target>
  readonly #ticket: RingTicket
  readonly #report: (report: Report) => void
  #target: Target | undefined
  #drain: Drain | undefined
  #aborting = false
  #end!: () => void

  /** @param makeTarget called at the first begin */
  constructor(
    makeTarget: () => Target | Promise<Target>,
    ticket: RingTicket,
    report: (report: Report) => void,
  ) {
    this.#makeTarget = makeTarget
    this.#ticket = ticket
    this.#report = report
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  /** Does what main says. What goes wrong is reported as a fault. */
  obey(command: ReceiverCommand): void {
    this.#obey(command).catch((cause: unknown) => {
      // after an abort, what was under way ends with errors that tell nothing new
      if (!this.#aborting) this.#report({ type: 'fault', cause })
    })
  }

  async #obey(command: ReceiverCommand): Promise<void> {
    switch (command.type) {
      case 'begin':
        return this.#begin(command.pass, command.sequence)
      case 'commit':
        return this.#commit()
      case 'abort':
        return this.#abort(command.reason, command.deadlineMs)
      case 'end':
        await this.#target?.end(command.deadlineMs)
        return this.#end()
      default:
        throw new TypeError(`unknown command ${JSON.stringify(command satisfies never)}`)
    }
  }

  async #begin(pass: number, sequence: number): Promise<void> {
    this.#aborting = false
    this.#target ??= await this.#makeTarget()
    const target = this.#target
    await target.open(pass)
    if (this.#aborting) return
    this.#report({ type: 'receiving', pass })
    const drain = new Drain(new RingReader(this.#ticket, sequence), target)
    this.#drain = drain
    try {
      // 'stopped': the copy was given up; main says what next
      if ((await Promise.race([drain.run(), target.failed])) === 'stopped') return
    } catch (error) {
      drain.stop()
      throw error
    }
    const completion = await Promise.race([target.complete(), target.failed])
    if (!this.#aborting) this.#report({ type: 'completed', completion })
  }

  async #commit(): Promise<void> {
    const target = this.#target as Target
    await Promise.race([target.commit(), target.failed])
    this.#report({ type: 'committed' })
  }

  async #abort(reason: string, deadlineMs: number): Promise<void> {
    this.#aborting = true
    this.#drain?.stop()
    const aligned = (await this.#target?.abort(reason, deadlineMs)) ?? true
    this.#report({ type: 'aborted', aligned })
  }
}
