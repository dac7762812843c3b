import type { ReceiverCommand } from '../../shared/messages/messages.js'
import { RingReader, type RingTicket } from '../../shared/ring/reader.js'
import { ReceiverRunner, type Report } from '../../shared/runner/receiver-runner.js'
import type { Target } from '../../shared/runner/target.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { ServerAccess } from '../access/server-access.js'
import type { LinkListener, ReceiverLink, RunnerEnd } from './link.js'

/** A runner on the main thread: what a user's function throws arrives as it was thrown. */
export class LocalLink implements ReceiverLink {
  readonly server: ServerAccess | undefined
  readonly over: Promise<RunnerEnd>
  readonly #listener: LinkListener
  readonly #runner: ReceiverRunner
  readonly #report = (report: Report): void => this.#listener.reported(report)
  #kill: () => void = () => undefined

  constructor(
    makeTarget: (event: (event: ServerEvent) => void) => Target,
    ticket: RingTicket,
    listener: LinkListener,
    server?: ServerAccess,
  ) {
    this.server = server
    this.#listener = listener
    this.#runner = new ReceiverRunner(
      () => makeTarget((event) => this.#report({ type: 'event', event })),
      (sequence) => new RingReader(ticket, sequence),
      this.#report,
    )
    const killed = new Promise<RunnerEnd>((resolve) => {
      this.#kill = () => resolve('killed')
    })
    this.over = Promise.race([this.#runner.over.then(() => 'ended' as const), killed])
  }

  send(command: ReceiverCommand): void {
    this.#runner.handle(command)
  }

  kill(): void {
    this.#kill()
  }
}
