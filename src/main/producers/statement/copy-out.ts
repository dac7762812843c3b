import { Budget } from '../../../shared/async/budget.js'
import { settlesWithin } from '../../../shared/async/deadline.js'
import type { CopyPhase } from '../../../shared/errors/codes.js'
import { CopyError } from '../../../shared/errors/errors.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'
import type { CopyCommand } from '../../../shared/session/copy-command.js'
import type { StatementSession } from '../../../shared/session/session.js'
import { type StepDeadlines, sideConnectionMs, startTimeout } from '../../../shared/session/step-deadlines.js'
import { cancelRequest } from '../../../shared/wire/cancel-request.js'
import type { ProducerStream } from '../producer-stream.js'
import type { CopyOutIntake } from './copy-out-intake.js'
import { withLockTimeout } from './lock-timeout.js'

/** The end of a COPY TO: everything that the server sent is published. */
export interface CopyOutEnd {
  /** The server's command tag. */
  readonly tag: string
  /** Whether the rows came in the binary format. */
  readonly isBinary: boolean
}

/** One `COPY … TO STDOUT` under way: one pass of a StatementProducer, from connecting to the command tag. */
export class CopyOut {
  readonly #stream: ProducerStream
  readonly #intake: CopyOutIntake
  readonly #deadlines: StepDeadlines
  /** Rejects when the stream of bytes is out of step. */
  readonly #failed: Promise<never>
  #fail!: (error: Error) => void
  #phase: CopyPhase = 'connect'
  #starting: Budget
  #session: StatementSession | undefined
  #command: CopyCommand | undefined
  /** The cancel request of a statement that waited too long for a lock. */
  #cancelling: Promise<void> | undefined

  constructor(stream: ProducerStream, intake: CopyOutIntake, deadlines: StepDeadlines) {
    this.#stream = stream
    this.#intake = intake
    this.#deadlines = deadlines
    this.#starting = Budget.of(deadlines.startMs)
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.#failed.catch(() => undefined)
  }

  get isStopped(): boolean {
    return this.#stream.isStopped
  }

  get phase(): CopyPhase {
    return this.#phase
  }

  /** The connection is made: deadlines.start runs from now on. */
  connected(): void {
    this.#phase = 'start'
    this.#starting = Budget.of(this.#deadlines.startMs)
  }

  /** The stream of bytes is out of step: the run rejects with this error. */
  fail(error: CopyError): void {
    this.#fail(error)
  }

  /**
   * Runs the statement on a session whose bytes go to the intake.
   * @param diagnose as Producer.diagnose
   * @throws CopyError of the server, the connection or the protocol; COPY_OPTION when the statement is a COPY FROM
   */
  async run(
    session: StatementSession,
    statement: string,
    diagnose: () => Promise<WaitDiagnosis | 'gone' | undefined>,
  ): Promise<CopyOutEnd> {
    this.#session = session
    if (this.isStopped) throw new CopyError('COPY_STATE', 'the copy was aborted', { phase: 'start' })
    this.#intake.expect(this.#stream.writer)
    let isBinary = false
    const onCopyOut = (message: { binary: boolean }): void => {
      isBinary = message.binary
    }
    const { connection } = session.client
    connection.on('copyOutResponse', onCopyOut)
    try {
      const command = session.copy(statement, 'extended')
      this.#command = command
      await this.#start(session, command, diagnose)
      this.#phase = 'copy'
      this.#stream.started()
      const tag = await Promise.race([command.finished, this.#failed])
      await this.#stream.flush()
      return { tag, isBinary }
    } catch (error) {
      throw session.fault(error, this.#phase)
    } finally {
      connection.off('copyOutResponse', onCopyOut)
    }
  }

  /**
   * Calls `release` when the session stands between two messages, or is closed: at once, or when a statement that is being
   * cancelled has ended.
   */
  whenOver(release: () => void): void {
    if (this.#cancelling === undefined) release()
    else this.#command?.finished.catch(() => undefined).then(release)
  }

  /** Cancels the COPY and reads on until the connection is aligned; destroys it when that takes longer than the deadline. */
  async cancel(deadlineMs: number): Promise<void> {
    const session = this.#session
    const command = this.#command
    if (session === undefined || command === undefined) return
    if (this.#cancelling !== undefined) {
      // waits for the cancel request too: later, it could hit the client's next statement
      const settled = Promise.allSettled([this.#cancelling, command.finished])
      if (!(await settlesWithin(settled, deadlineMs))) session.destroy()
      return
    }
    if (command.isAligned) return
    const timer = setTimeout(() => session.destroy(), deadlineMs)
    session.socket.resume()
    await cancelRequest(session.client, Math.min(deadlineMs, this.#sideMs))
    await command.finished.catch(() => undefined)
    clearTimeout(timer)
  }

  get #sideMs(): number {
    return sideConnectionMs(this.#deadlines.connectMs)
  }

  /** Resolves when the server has accepted the COPY TO. */
  async #start(
    session: StatementSession,
    command: CopyCommand,
    diagnose: () => Promise<WaitDiagnosis | 'gone' | undefined>,
  ): Promise<void> {
    const { startMs } = this.#deadlines
    const starting = Promise.race([command.started, this.#failed])
    const late = (blockedBy: readonly number[]): CopyError => {
      this.#cancelling = cancelRequest(session.client, this.#sideMs)
      const blockers = `process ${blockedBy.join(', ')}`
      return startTimeout(session.server, startMs, `it waits for a lock, blocked by ${blockers}`)
    }
    if ((await withLockTimeout(starting, this.#starting.leftMs, diagnose, late)) === 'out') return
    command.fail('copyman expected COPY TO STDOUT')
    await Promise.race([command.finished.catch(() => undefined), this.#failed])
    throw new CopyError('COPY_OPTION', 'from.statement is a COPY FROM; a producer needs COPY … TO STDOUT', {
      phase: 'start',
    })
  }
}
