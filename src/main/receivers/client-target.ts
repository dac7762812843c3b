import type pg from 'pg'
import { type CopyStreamQuery, from } from 'pg-copy-streams'
import { withDeadline } from '../../shared/async/deadline.js'
import { CopyError } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import { HEADER_BYTES } from '../../shared/ring/layout.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'
import { CopyCommand } from '../../shared/session/copy-command.js'
import {
  awaitCopyIn,
  CHECK_CONSTRAINTS,
  completeCopyIn,
  runStatements,
} from '../../shared/session/copy-in.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import {
  finishTimeout,
  type StepDeadlines,
  sideConnectionMs,
  startTimeout,
} from '../../shared/session/step-deadlines.js'
import { cancelRequest } from '../../shared/wire/cancel-request.js'
import { ClientSession } from '../clients/client-session.js'

export interface ClientTargetPlan extends StepDeadlines {
  readonly client: pg.Client
  readonly statement: string
  readonly before: readonly string[]
  readonly after: readonly string[]
}

/** from() of pg-copy-streams as it is, beyond its types. */
interface CopyStream extends CopyStreamQuery {
  connection: pg.Connection
  handleCopyInResponse(connection: pg.Connection): void
}

/**
 * A COPY IN whose data goes by from(). What the server answers is heard by CopyCommand: from() knows neither a
 * statement that is no COPY IN, which would end the process, nor ReadyForQuery after an error.
 */
class CopyIn extends CopyCommand {
  readonly #stream: CopyStream
  #isTaking = false

  constructor(text: string) {
    super(text, 'simple')
    this.#stream = from(text) as CopyStream
  }

  /** Whether the server waits for data: it can be given up by CopyFail, and not by a cancel request. */
  get isTaking(): boolean {
    return this.#isTaking && !this.isOver
  }

  override submit(connection: pg.Connection): void {
    this.#stream.connection = connection
    super.submit(connection)
  }

  override handleCopyInResponse(): void {
    this.#isTaking = true
    this.#stream.handleCopyInResponse(this.#stream.connection)
  }

  /** Rows of a COPY TO, which is refused: dropped until it has been cancelled. */
  override handleCopyData(): void {}

  /** @param taken called when the socket wants more: the bytes may not have left by then */
  send(bytes: Uint8Array, taken: () => void): void {
    if (!this.isOver) this.#stream.write(bytes, taken)
  }

  override done(): void {
    this.isDone = true
    this.#isTaking = false
    this.#stream.end()
  }
}

/** A `COPY … FROM STDIN` on a user's client, inside the user's transaction. */
export class ClientTarget implements Target {
  readonly redelivers = false
  /** from() is given one chunk at a time: of several it holds some back, and writes on when the connection is gone. */
  readonly maxInFlight = 1
  readonly failed: Promise<never>
  readonly #plan: ClientTargetPlan
  readonly #event: (event: ServerEvent) => void
  #session: ClientSession | undefined
  #copy: CopyIn | undefined
  /** What the client is doing for us; settled while it takes data. */
  #work: Promise<unknown> = Promise.resolve()
  #isDone = false
  /** Fired by abort: whatever is under way sends nothing more. */
  readonly #stop = new AbortController()
  #fail!: (error: unknown) => void

  constructor(plan: ClientTargetPlan, event: (event: ServerEvent) => void = () => undefined) {
    this.#plan = plan
    this.#event = event
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => undefined)
  }

  /** The client's session; undefined before `open`. */
  get session(): ClientSession | undefined {
    return this.#session
  }

  async open(): Promise<void> {
    if (this.#session !== undefined) {
      const why = "what it did lies in your client's transaction, which is not ours to begin again"
      throw new CopyError('COPY_STATE', `a receiver with a client takes part in one pass: ${why}`, {
        phase: 'start',
      })
    }
    const session = new ClientSession(this.#plan.client, this.#event)
    this.#session = session
    session.closed.then(() => this.#fail(session.fault(new Error('it was closed'), 'copy')))
    const { startMs } = this.#plan
    const late = (): CopyError => this.#late(startTimeout(session.server, startMs))
    await withDeadline(this.#do(this.#begin(session)), startMs, late)
  }

  send(slice: RingSlice, sent: () => void): void {
    // a copy of its own: from() calls back before the bytes have left
    this.#copy?.send(Buffer.from(slice.frame.subarray(HEADER_BYTES)), sent)
  }

  complete(): Promise<Completion> {
    const { finishMs } = this.#plan
    const session = this.#session as ClientSession
    const late = (): CopyError => this.#late(finishTimeout(session.server, finishMs))
    const finishing = this.#do(this.#finish(session, this.#copy as CopyIn))
    return withDeadline(finishing, finishMs, late)
  }

  /** The transaction is the user's. */
  async commit(): Promise<void> {}

  /** Leaves the transaction failed, or as it is when the COPY is over, and the client answering its user. */
  async abort(reason: string, deadlineMs: number): Promise<boolean> {
    const session = this.#session
    this.#stop.abort()
    if (session === undefined) return true
    const timer = setTimeout(() => session.destroy(), deadlineMs)
    await this.#align(session, reason, deadlineMs)
    clearTimeout(timer)
    return !session.socket.destroyed
  }

  async end(deadlineMs: number): Promise<void> {
    await this.#session?.end(deadlineMs)
  }

  async #begin(session: ClientSession): Promise<void> {
    const { statement, before } = this.#plan
    const { status } = await session.check('receiver')
    if (status !== 'T') {
      const why = 'rows that it loads would be visible before the copy is complete'
      throw new CopyError(
        'COPY_STATE',
        `the receiver's pg.Client is not in a transaction: BEGIN first, or ${why}`,
        {
          phase: 'start',
        },
      )
    }
    await runStatements(session, before, 'start', this.#stop.signal)
    this.#stop.signal.throwIfAborted()
    const copy = session.submit(new CopyIn(statement))
    this.#copy = copy
    await awaitCopyIn(session, copy)
    copy.finished.catch((error) => this.#fail(session.fault(error, this.#isDone ? 'complete' : 'copy')))
  }

  async #finish(session: ClientSession, copy: CopyIn): Promise<Completion> {
    this.#isDone = true
    const after = [...this.#plan.after, CHECK_CONSTRAINTS]
    const completion = await completeCopyIn(session, copy, after, this.#stop.signal)
    return { ...completion, commits: false }
  }

  /** Brings the client back to a message boundary. Settles also when it was closed. */
  async #align(session: ClientSession, reason: string, deadlineMs: number): Promise<void> {
    if (!this.#copy?.isTaking && !session.isIdle) await cancelRequest(session.client, deadlineMs)
    await this.#work
    // also when the server took the COPY before the cancel request came
    if (this.#copy?.isTaking) this.#copy.fail(reason)
    await session.idle()
  }

  /** What runs past its deadline is cancelled, and nothing is sent behind it. */
  #late(error: CopyError): CopyError {
    if (this.#stop.signal.aborted) return error
    this.#stop.abort()
    const cancelling = cancelRequest(this.#plan.client, sideConnectionMs(this.#plan.connectMs))
    // until both have settled, what is sent could be hit by the request
    this.#do(Promise.all([this.#work, cancelling]))
    return error
  }

  #do<T>(work: Promise<T>): Promise<T> {
    this.#work = work.catch(() => undefined)
    return work
  }
}
