import { Budget } from '../async/budget.js'
import { withDeadline } from '../async/deadline.js'
import type { CopyPhase } from '../errors/codes.js'
import { CopyError } from '../errors/errors.js'
import { cancelRequest } from '../wire/cancel-request.js'
import { isIdle, untilIdle } from './client-idle.js'
import type { CopyCommand } from './copy-command.js'
import {
  awaitCopyIn,
  CHECK_CONSTRAINTS,
  type CopiedRows,
  type CopyInOptions,
  type CopyInPlan,
  type CopyInSession,
  completeCopyIn,
  runStatements,
} from './copy-in.js'
import { preCommit, type TransactionIdentity } from './pre-commit.js'
import { finishTimeout, sideConnectionMs, startTimeout } from './step-deadlines.js'

/**
 * How long to read on after a failed write: the server's ErrorResponse has the reason, the socket's EPIPE has not. A
 * client that kept reading always saw the 57P01 of a terminated backend.
 */
export const LAST_WORDS_MS = 500

/**
 * One COPY IN in one transaction, from its begin to COMMIT or ROLLBACK. The order of the calls: `start`, `send`…,
 * `complete`, `commit` (ours only); `abort` at any time; `close` last.
 */
export class CopyInTransaction {
  /** Rejects when the COPY cannot go on, whether or not a slice is being sent; not for a COMMIT, which rejects itself. */
  readonly failed: Promise<never>
  readonly #options: CopyInOptions
  readonly #session: CopyInSession
  readonly #plan: CopyInPlan
  #phase: CopyPhase = 'start'
  #isBegun = false
  #isEnded = false
  #command: CopyCommand | undefined
  /** Writes whose memory is not free yet. */
  #writes = 0
  #written: () => void = () => undefined
  /** The statement under way. It settles, and never rejects. */
  #work: Promise<unknown> = Promise.resolve()
  /** The rest of `finishMs`, for COMMIT: the wait for other receivers does not count. */
  #commitMs = 0
  #fail!: (error: CopyError) => void

  constructor(options: CopyInOptions) {
    this.#options = options
    this.#session = options.session
    this.#plan = options.plan
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => undefined)
    // also while it waits at the barrier, with nothing to send
    this.#session.closed.then(() => {
      if (this.#phase !== 'commit') this.#fail(this.#fault(new Error('it was closed')))
    })
  }

  get phase(): CopyPhase {
    return this.#phase
  }

  /** Settles when the connection is closed. */
  get closed(): Promise<void> {
    return this.#session.closed
  }

  /** Whether the server has answered COMMIT or ROLLBACK. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /**
   * Begins the COPY: `before`, then the statement.
   * @param budget what is left of `startMs`
   * @throws CopyError COPY_TIMEOUT past `startMs`
   */
  start(budget: Budget): Promise<void> {
    const late = (): CopyError => this.#late(startTimeout(this.#session.server, this.#plan.startMs))
    return withDeadline(this.#working(this.#start()), budget.leftMs, late)
  }

  async #start(): Promise<void> {
    const { prepare, submit, stop } = this.#options
    const { statement, before } = this.#plan
    stop.signal.throwIfAborted()
    this.#isBegun = true
    await prepare()
    await runStatements(this.#session, before, 'start', stop.signal)
    stop.signal.throwIfAborted()
    const command = submit(statement)
    this.#command = command
    await awaitCopyIn(this.#session, command)
    this.#phase = 'copy'
    command.finished.catch((error: unknown) => this.#fail(this.#fault(error)))
  }

  /** @param sent called when the memory of the frame may be overwritten; not called after a failed write */
  send(frame: Uint8Array, sent: () => void): void {
    this.#writes += 1
    // the callback of the write, and nothing earlier, says that the memory is free
    this.#options.write(frame, (error) => {
      this.#writes -= 1
      if (error) this.#failSoon(error)
      else sent()
      if (this.#writes === 0) this.#written()
    })
  }

  /**
   * Completes the COPY: CopyDone, `after`, constraints. All data was sent.
   * @throws CopyError COPY_TIMEOUT past `finishMs`
   */
  async complete(): Promise<CopiedRows & TransactionIdentity> {
    const { finishMs } = this.#plan
    const budget = Budget.of(finishMs)
    const late = (): CopyError => this.#late(finishTimeout(this.#session.server, finishMs))
    const completed = await withDeadline(this.#working(this.#complete()), budget.leftMs, late)
    this.#commitMs = budget.leftMs
    return completed
  }

  async #complete(): Promise<CopiedRows & TransactionIdentity> {
    const { owned, stop } = this.#options
    const { after } = this.#plan
    this.#phase = 'complete'
    const statements = owned ? after : [...after, CHECK_CONSTRAINTS]
    const command = this.#command as CopyCommand
    const rows = await completeCopyIn(this.#session, command, statements, stop.signal)
    return owned ? { ...rows, ...(await preCommit(this.#session, stop.signal)) } : rows
  }

  /**
   * Commits the transaction, which is ours.
   * @throws CopyError COPY_COMMIT for another answer than COMMIT; COPY_CONNECTION_LOST for none within `finishMs`
   */
  async commit(): Promise<void> {
    const session = this.#session
    const { finishMs } = this.#plan
    this.#phase = 'commit'
    const tag = await withDeadline(session.command('COMMIT', 'commit'), this.#commitMs, () => {
      const why = `COMMIT was not answered within ${finishMs} ms of finishing (deadlines.finish)`
      session.lose(why)
      return this.#fault(new Error(why))
    })
    this.#isEnded = true
    if (tag === 'COMMIT') return
    throw new CopyError('COPY_COMMIT', `${session.server} answered COMMIT with ${tag || 'nothing'}`, {
      phase: 'commit',
    })
  }

  /**
   * Cancels what is under way, brings the connection to a message boundary and rolls a transaction of ours back; past the
   * deadline the connection is destroyed. Afterwards nothing is read from the memory of a frame.
   * @returns whether the connection is aligned
   */
  async abort(reason: string, deadlineMs: number): Promise<boolean> {
    const session = this.#session
    this.#options.stop.abort()
    const timer = setTimeout(() => session.destroy(), deadlineMs)
    const isAligned = await Promise.race([this.#align(reason, deadlineMs), session.closed.then(() => false)])
    clearTimeout(timer)
    if (isAligned) return true
    session.destroy()
    // only after the close the kernel reads nothing of the ring any more
    await session.closed
    return false
  }

  async close(deadlineMs: number): Promise<void> {
    this.#options.stop.abort()
    await this.#session.close(deadlineMs)
  }

  /** @returns whether that worked */
  async #align(reason: string, deadlineMs: number): Promise<boolean> {
    const session = this.#session
    const { client } = session
    try {
      if (this.#phase === 'start' || this.#phase === 'complete') {
        // a statement may wait for a lock, and closing the connection alone would leave its backend in the queue
        if (!this.#isTaking && !isIdle(client) && !session.socket.destroyed) {
          await cancelRequest(client, Math.min(deadlineMs, sideConnectionMs(this.#plan.connectMs)))
        }
        await this.#work
      }
      // the COPY may have begun only now: a COPY that waits for its first row ignores a cancel request
      if (this.#isTaking) await this.#cancelCopy(this.#command as CopyCommand, reason)
      // the cancel request of a deadline, after which the COPY began nevertheless: later, it could hit another statement
      await this.#work
      await untilIdle(client, session.closed)
      if (this.#isBegun && !this.#isEnded && this.#options.owned) {
        await session.query('ROLLBACK', 'abort')
        this.#isEnded = true
      }
      return !session.socket.destroyed
    } catch {
      // the connection was lost meanwhile, which rolls back as well; the caller closes it
      return false
    }
  }

  async #cancelCopy(command: CopyCommand, reason: string): Promise<void> {
    // a CopyFail between the halves of a frame would be read as data
    if (this.#writes > 0) {
      const written = new Promise<void>((resolve) => {
        this.#written = resolve
      })
      await Promise.race([written, command.finished.catch(() => undefined)])
    }
    command.fail(reason)
  }

  get #isTaking(): boolean {
    return this.#command?.isTaking === true
  }

  /** Cancels what runs past its deadline. Nothing is sent after it. */
  #late(error: CopyError): CopyError {
    const { stop } = this.#options
    if (stop.signal.aborted) return error
    stop.abort()
    const cancelling = cancelRequest(this.#session.client, sideConnectionMs(this.#plan.connectMs))
    // until both have settled, the request could hit the next statement
    this.#working(Promise.all([this.#work, cancelling]))
    return error
  }

  #failSoon(error: Error): void {
    const timer = setTimeout(() => this.#fail(this.#fault(error)), LAST_WORDS_MS)
    this.#session.closed.then(() => clearTimeout(timer))
  }

  #fault(error: unknown): CopyError {
    return this.#session.fault(error, this.#phase)
  }

  #working<T>(work: Promise<T>): Promise<T> {
    this.#work = work.catch(() => undefined)
    return work
  }
}
