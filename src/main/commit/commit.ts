import { settlesWithin } from '../../shared/async/deadline.js'
import { CopyError, factsOf, messageOf } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import type { ServerAccess } from '../access/server-access.js'
import type { Deadlines } from '../options/deadlines.js'
import { transactionStatus } from './transaction-status.js'

/** The result of a COMMIT. `note`: the answer was lost, and the server says that the transaction is committed. */
export type CommitResult =
  | { readonly state: 'committed'; readonly note?: CopyError }
  | { readonly state: 'faulted'; readonly fault: CopyError }

/** Classes of the SQLSTATEs of a failing server or connection, which do not say whether the COMMIT was done before. */
const INCONCLUSIVE = ['08', '53', '57', '58', 'F0', 'XX']

/** Whether a fault says that the result of a COMMIT is not known. */
export const isInDoubt = (fault: CopyError | undefined): boolean => fault?.code === 'COPY_IN_DOUBT'

/**
 * One COMMIT, from its sending until its result is known, or is known to be in doubt. It lives on the main thread: when
 * the answer is lost, the connection and the thread may be gone, and the server is asked from here.
 */
export class Commit {
  /** Settles when the result is known or in doubt. */
  readonly over: Promise<void>
  readonly #completion: Completion | undefined
  readonly #server: ServerAccess | undefined
  readonly #deadlines: Pick<Required<Deadlines>, 'connect' | 'resolve'>
  readonly #ended: (end: CommitResult) => void
  readonly #stop = new AbortController()
  #settle!: () => void
  #isAsking = false
  /** Why the answer cannot come any more. */
  #fault: CopyError | undefined
  /** Why the server could not be asked. */
  #why: string | undefined

  /**
   * @param server how to reach the server; undefined where that is not possible
   * @param ended called once, with the result
   */
  constructor(
    completion: Completion | undefined,
    server: ServerAccess | undefined,
    deadlines: Pick<Required<Deadlines>, 'connect' | 'resolve'>,
    ended: (end: CommitResult) => void,
  ) {
    this.#completion = completion
    this.#server = server
    this.#deadlines = deadlines
    this.#ended = ended
    this.over = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** The server answered COMMIT. */
  answered(): void {
    this.#end({ state: 'committed' })
  }

  /**
   * The COMMIT failed. An error of the server which says that nothing was committed is the result; after any other error
   * the server is asked.
   */
  failed(fault: CopyError): void {
    const { sqlState } = fault
    const isResult = sqlState !== undefined && !INCONCLUSIVE.includes(sqlState.slice(0, 2))
    if (fault.code === 'COPY_COMMIT' || isResult) {
      this.#end({ state: 'faulted', fault })
      return
    }
    this.#fault ??= fault
    if (this.#why !== undefined) this.#endInDoubt(this.#fault)
    else this.#ask(this.#fault)
  }

  /** The copy is being aborted. Resolves when the result is known or in doubt, within the deadline. */
  async abort(deadlineMs: number): Promise<void> {
    // half of the deadline for the answer; then the server is asked on another connection too
    if (await settlesWithin(this.over, deadlineMs / 2)) return
    const fault =
      this.#fault ??
      new CopyError('COPY_CONNECTION_LOST', `COMMIT was not answered within ${deadlineMs} ms`, {
        phase: 'commit',
      })
    this.#ask(fault)
    if (!(await settlesWithin(this.over, deadlineMs / 2))) this.#endInDoubt(fault)
  }

  async #ask(fault: CopyError): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    const status = await this.#status()
    if (status.said === 'unknown') {
      this.#why = status.why
      // during an abort the answer itself may still come
      if (this.#fault !== undefined) this.#endInDoubt(this.#fault)
      return
    }
    const code = fault.sqlState === undefined ? 'COPY_CONNECTION_LOST' : fault.code
    const facts = { ...factsOf(fault), phase: 'commit' as const, cause: fault }
    const said = `the server says that transaction ${this.#completion?.transactionId}`
    if (status.said === 'committed') {
      const note = new CopyError(code, `${fault.message}; ${said} was committed`, facts)
      this.#end({ state: 'committed', note })
    } else {
      const message = `COMMIT was lost and the server rolled back: ${fault.message}; ${said} was aborted`
      // nothing is left on the server, so the receiver can be loaded again
      this.#end({ state: 'faulted', fault: new CopyError(code, message, { ...facts, retryable: true }) })
    }
  }

  async #status(): ReturnType<typeof transactionStatus> {
    const { transactionId: id, server: identity } = this.#completion ?? {}
    const server = this.#server
    const { resolve, connect } = this.#deadlines
    const unknown = (why: string) => ({ said: 'unknown' as const, why })
    if (id === undefined || server === undefined) return unknown('it has no server that could be asked')
    if (identity === undefined) {
      return unknown(
        'the identity of its server is unknown: the role may not call pg_control_system() or a similar function',
      )
    }
    if (resolve === 0) return unknown('deadlines.resolve is 0')
    const asking = transactionStatus({ id, identity, server }, resolve, connect, this.#stop.signal)
    return asking.catch((error: unknown) => unknown(messageOf(error)))
  }

  #endInDoubt(fault: CopyError): void {
    const { transactionId: id = 'unknown' } = this.#completion ?? {}
    const why = this.#why ?? 'the copy was aborted before its server answered'
    const message = `${fault.message}; COMMIT had been sent for transaction ${id}, so it may be committed or not (${why})`
    // whatever the fault was, another attempt might load the rows twice
    const facts = { ...factsOf(fault), phase: 'commit' as const, retryable: false, cause: fault }
    this.#end({ state: 'faulted', fault: new CopyError('COPY_IN_DOUBT', message, facts) })
  }

  #end(end: CommitResult): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    this.#ended(end)
    this.#settle()
  }
}
