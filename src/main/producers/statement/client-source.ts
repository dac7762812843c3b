import type pg from 'pg'
import { withDeadline } from '../../../shared/async/deadline.js'
import { sideConnectionMs, startTimeout } from '../../../shared/session/step-deadlines.js'
import { cancelRequest } from '../../../shared/wire/cancel-request.js'
import { ClientSession } from '../../clients/client-session.js'
import type { ProducerContext } from '../producer.js'
import { intercept } from './intercept.js'
import type { Feed, Source } from './source.js'

const ONE_SNAPSHOT = ['repeatable read', 'serializable']

/** A user's client, in the transaction in which it stands, if any. */
export class ClientSource implements Source {
  readonly #client: pg.Client
  #session: ClientSession | undefined
  #canRepeat = false
  #undo: (() => void) | undefined

  constructor(client: pg.Client) {
    this.#client = client
  }

  /** Known after `open`: whether one snapshot serves all passes. */
  get canRepeat(): boolean {
    return this.#canRepeat
  }

  async open(context: ProducerContext): Promise<void> {
    const session = new ClientSession(this.#client, context.event)
    this.#session = session
    const { connectMs, startMs } = context
    const examining = session.check('producer')
    const { status, isolation } = await withDeadline(examining, startMs, () => {
      cancelRequest(this.#client, sideConnectionMs(connectMs))
      return startTimeout(session.server, startMs)
    })
    this.#canRepeat = status === 'T' && ONE_SNAPSHOT.includes(isolation)
  }

  async begin(feed: Feed): Promise<ClientSession> {
    const session = this.#session as ClientSession
    session.requireIdle()
    feed.connected()
    const { passThrough, undo } = intercept(session.socket, feed)
    this.#undo = undo
    feed.intake.passThrough = passThrough
    return session
  }

  release(): void {
    this.#undo?.()
    this.#undo = undefined
  }

  async close(deadlineMs: number): Promise<void> {
    await this.#session?.close(deadlineMs)
  }
}
