import { withDeadline } from '../../shared/async/deadline.js'
import type { CopyPhase } from '../../shared/errors/codes.js'
import { CopyError } from '../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../shared/liveness/slowness.js'
import type { Completion, ReceiverPlan } from '../../shared/messages/messages.js'
import type { RingSlice } from '../../shared/ring/slice-reader.js'
import type { Target } from '../../shared/runner/target.js'
import { readBackendActivity } from '../../shared/session/backend-activity.js'
import type { CopyCommand } from '../../shared/session/copy-command.js'
import { awaitCopyIn, completeCopyIn, runStatements } from '../../shared/session/copy-in.js'
import type { ServerEvent } from '../../shared/session/server-events.js'
import { Session } from '../../shared/session/session.js'
import { beginTransaction } from '../../shared/session/session-settings.js'
import { finishTimeout, sideConnectionMs, startTimeout } from '../../shared/session/step-deadlines.js'
import { cancelRequest } from '../../shared/wire/cancel-request.js'
import { preCommit } from './pre-commit.js'
import { commitWithin } from './send-commit.js'

/** Slots on their way to one server: enough that the socket never runs dry, few enough that a slow one holds little. */
const MAX_IN_FLIGHT = 4

/**
 * How long to read on when a write has failed: the server's ErrorResponse says why, the socket's EPIPE only that. A
 * terminated backend's 57P01 was always seen by a client that kept reading.
 */
const LAST_WORDS_MS = 500

type StatementPlan = Extract<ReceiverPlan, { kind: 'statement' }>

/** A `COPY … FROM STDIN` on a connection of its own, in a transaction of its own. */
export class StatementTarget implements Target {
  readonly redelivers = false
  readonly maxInFlight = MAX_IN_FLIGHT
  readonly #plan: StatementPlan
  readonly #event: (event: ServerEvent) => void
  #session: Session | undefined
  #command: CopyCommand | undefined
  #phase: CopyPhase = 'connect'
  #writes = 0
  /** Fired by abort: whatever is under way sends nothing more. */
  #stop = new AbortController()
  /** The open or complete under way; settles in any case. */
  #work: Promise<unknown> = Promise.resolve()
  /** What is left of the time to finish, for COMMIT. */
  #commitMs = 0
  #allSent: (() => void) | undefined
  #failed: Promise<never> = new Promise(() => undefined)
  #fail: (error: unknown) => void = () => undefined

  constructor(plan: StatementPlan, event: (event: ServerEvent) => void) {
    this.#plan = plan
    this.#event = event
  }

  get failed(): Promise<never> {
    return this.#failed
  }

  get phase(): CopyPhase {
    return this.#phase
  }

  open(): Promise<void> {
    this.#stop = new AbortController()
    return this.#working(this.#open(this.#stop.signal))
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { connection, connectMs, startMs } = this.#plan
    // a further pass begins on a connection of its own: what is left of the last one is none of its business
    await this.#session?.end(LAST_WORDS_MS)
    this.#session = undefined
    this.#command = undefined
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.#failed.catch(() => undefined)
    this.#phase = 'connect'
    const session = await Session.open(connection, { connectMs, signal })
    this.#session = session
    session.onServerEvent(this.#event)
    this.#phase = 'start'
    const starting = this.#working(this.#start(session, signal))
    await withDeadline(starting, startMs, () => this.#late(startTimeout(session.server, startMs)))
  }

  async #start(session: Session, signal: AbortSignal): Promise<void> {
    const { statement, before, settings } = this.#plan
    await beginTransaction(session, 'BEGIN', settings)
    await runStatements(session, before, 'start', signal)
    signal.throwIfAborted()
    const command = session.copy(statement, 'simple')
    await awaitCopyIn(session, command)
    this.#command = command
    this.#phase = 'copy'
    const fail = this.#fail
    command.finished.catch((error) => fail(session.fault(error, this.#phase)))
    // also while it waits at the barrier, with nothing to send
    session.closed.then(
      () => this.#phase === 'commit' || fail(session.fault(new Error('the server closed it'), this.#phase)),
    )
  }

  send(slice: RingSlice, sent: () => void): void {
    this.#writes += 1
    // header and payload in one write; its callback, and nothing earlier, says that the memory is free
    this.#socket().write(slice.frame, (error) => {
      this.#writes -= 1
      if (error) this.#failSoon(error)
      else sent()
      if (this.#writes === 0) this.#allSent?.()
    })
  }

  async complete(): Promise<Completion> {
    const { finishMs } = this.#plan
    const { server } = this.#session as Session
    const began = performance.now()
    const completing = this.#working(this.#complete(this.#stop.signal))
    const late = (): CopyError => this.#late(finishTimeout(server, finishMs))
    const completion = await withDeadline(completing, finishMs, late)
    this.#commitMs = finishMs - (performance.now() - began)
    return completion
  }

  async #complete(signal: AbortSignal): Promise<Completion> {
    const session = this.#session as Session
    const command = this.#command as CopyCommand
    this.#phase = 'complete'
    const completion = await completeCopyIn(session, command, this.#plan.after, signal)
    return { ...completion, commits: true, ...(await preCommit(session, signal)) }
  }

  async commit(): Promise<void> {
    const session = this.#session as Session
    this.#phase = 'commit'
    const answer = session.command('COMMIT', 'commit')
    const tag = await commitWithin(answer, session, this.#plan.finishMs, this.#commitMs)
    if (tag !== 'COMMIT') {
      throw new CopyError('COPY_COMMIT', `${session.server} answered COMMIT with ${tag || 'nothing'}`, {
        phase: 'commit',
      })
    }
  }

  async abort(reason: string, deadlineMs: number): Promise<boolean> {
    this.#stop.abort()
    // a connection under way is destroyed by the signal; until that has settled there may be a session yet to come
    if (this.#phase === 'connect') await this.#work
    const session = this.#session
    if (session === undefined) return true
    const timer = setTimeout(() => session.destroy(), deadlineMs)
    const aligned = await Promise.race([
      this.#align(session, reason, deadlineMs),
      session.closed.then(() => false),
    ])
    clearTimeout(timer)
    if (aligned) return true
    session.destroy()
    // only now can the kernel read nothing of the ring any more
    await session.closed
    return false
  }

  async end(deadlineMs: number): Promise<void> {
    this.#stop.abort()
    await this.#session?.end(deadlineMs)
  }

  async diagnose(): Promise<WaitDiagnosis | 'gone' | undefined> {
    const session = this.#session
    if (session === undefined) return undefined
    const { connection, connectMs } = this.#plan
    return readBackendActivity(session, connection, { connectMs, signal: this.#stop.signal })
  }

  /** What runs past its deadline is cancelled, and nothing is sent behind it. */
  #late(error: CopyError): CopyError {
    if (this.#stop.signal.aborted) return error
    this.#stop.abort()
    const { client } = this.#session as Session
    // until both have settled, what is sent could be hit by the request
    this.#working(Promise.all([this.#work, cancelRequest(client, sideConnectionMs(this.#plan.connectMs))]))
    return error
  }

  /** Brings the connection back to a message boundary and rolls back. @returns whether that worked */
  async #align(session: Session, reason: string, deadlineMs: number): Promise<boolean> {
    try {
      if (this.#phase === 'start' || this.#phase === 'complete') {
        // a statement may wait for a lock, and closing the connection alone would leave its backend in the queue
        const settled = this.#work
        const done = await Promise.race([
          settled.then(() => true),
          new Promise((resolve) => setImmediate(resolve, false)),
        ])
        if (!done)
          await cancelRequest(session.client, Math.min(deadlineMs, sideConnectionMs(this.#plan.connectMs)))
        await settled
      }
      // the COPY may have begun only now: one that waits for its first row does not hear a cancel request
      if (this.#phase === 'copy' && this.#command?.isOver === false) {
        // a CopyFail between the halves of a slice would be read as data
        if (this.#writes > 0) await new Promise<void>((resolve) => (this.#allSent = resolve))
        this.#command.fail(reason)
      }
      await this.#command?.finished.catch(() => undefined)
      if (this.#command?.isAligned === false) return false
      await session.query('ROLLBACK', 'abort')
      return true
    } catch {
      // the connection ended meanwhile, which rolls back as well; the caller closes it
      return false
    }
  }

  #working<T>(work: Promise<T>): Promise<T> {
    this.#work = work.catch(() => undefined)
    return work
  }

  #socket(): { write(bytes: Uint8Array, callback: (error?: Error | null) => void): boolean } {
    return (this.#session as Session).socket
  }

  #failSoon(error: Error): void {
    const session = this.#session as Session
    const timer = setTimeout(() => this.#fail(session.fault(error, this.#phase)), LAST_WORDS_MS)
    session.closed.then(() => clearTimeout(timer))
  }
}
