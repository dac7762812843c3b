import type { ReceiverCommand } from '../../shared/messages/messages.js'
import type { RingTicket } from '../../shared/ring/reader.js'
import { ReceiverRunner, type Report } from '../../shared/runner/receiver-runner.js'
import type { Target } from '../../shared/runner/target.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import type { ServerAccess } from '../access/server-access.js'
import type { ReceiverLink, RunnerEnd } from './link.js'

/** A life on the main thread: what a user's function throws arrives as it was thrown. */
export class LocalLink implements ReceiverLink {
  readonly server: ServerAccess | undefined
  readonly over: Promise<RunnerEnd>
  readonly #life: ReceiverRunner
  #kill: () => void = () => undefined

  constructor(
    makeTarget: (event: (event: ServerEvent) => void) => Target,
    ticket: RingTicket,
    heard: (report: Report) => void,
    server?: ServerAccess,
  ) {
    this.server = server
    this.#life = new ReceiverRunner(
      () => makeTarget((event) => heard({ type: 'event', event })),
      ticket,
      heard,
    )
    const killed = new Promise<RunnerEnd>((resolve) => {
      this.#kill = () => resolve('killed')
    })
    this.over = Promise.race([this.#life.over.then(() => 'ended' as const), killed])
  }

  send(command: ReceiverCommand): void {
    this.#life.handle(command)
  }

  kill(): void {
    this.#kill()
  }
}
