import { settlesWithin } from '../../shared/async/deadline.js'
import { CopyError, messageOf } from '../../shared/errors/errors.js'
import type { Completion } from '../../shared/messages/messages.js'
import type { ConnectionParameters } from '../../shared/wire/connection-parameters.js'
import type { Deadlines } from '../options/deadlines.js'
import { transactionStatus } from './transaction-status.js'

/** What a COMMIT came to. `note`: its answer was lost, and the server was asked. */
export type CommitEnd =
  | { readonly state: 'committed'; readonly note?: CopyError }
  | { readonly state: 'faulted'; readonly fault: CopyError }

/** Classes of SQLSTATE that tell of a server's or a connection's own end: it may have committed before, or not. */
const OWN_TROUBLE = ['08', '53', '57', '58', 'F0', 'XX']

/** Whether a fault leaves open what became of a COMMIT that was sent. */
export const isInDoubt = (fault: CopyError | undefined): boolean => fault?.code === 'COPY_IN_DOUBT'

/**
 * One COMMIT, from when it is sent until it is known what it came to, or that nobody can tell. It lives on the main
 * thread: when the answer is lost, its connection and thread may be gone, and the server is asked from here.
 */
export class Commit {
  /** Settles at the end. */
  readonly over: Promise<void>
  readonly #completion: Completion | undefined
  readonly #server: ConnectionParameters | undefined
  readonly #deadlines: Pick<Required<Deadlines>, 'connect' | 'resolve'>
  readonly #ended: (end: CommitEnd) => void
  readonly #stop = new AbortController()
  #settle!: () => void
  #isAsking = false
  /** Why no answer can come any more. */
  #fault: CopyError | undefined
  /** Why the server could not be asked. */
  #why: string | undefined

  /**
   * @param server whom to ask; undefined where there is nobody
   * @param ended called once, at the end
   */
  constructor(
    completion: Completion | undefined,
    server: ConnectionParameters | undefined,
    deadlines: Pick<Required<Deadlines>, 'connect' | 'resolve'>,
    ended: (end: CommitEnd) => void,
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

  /** Instead of the answer came this. Unless it is the server's word that nothing was committed, the server is asked. */
  failed(fault: CopyError): void {
    const { sqlState } = fault
    const isItsWord = sqlState !== undefined && !OWN_TROUBLE.includes(sqlState.slice(0, 2))
    if (fault.code === 'COPY_COMMIT' || isItsWord) {
      this.#end({ state: 'faulted', fault })
      return
    }
    this.#fault ??= fault
    if (this.#why !== undefined) this.#endInDoubt(this.#fault)
    else this.#ask(this.#fault)
  }

  /** The copy is given up: settles at the end, which comes within the deadline. */
  async giveUp(deadlineMs: number): Promise<void> {
    // half of it for the answer; then the server is asked beside
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
      // while the copy is given up, the answer itself may still come
      if (this.#fault !== undefined) this.#endInDoubt(this.#fault)
      return
    }
    const code = fault.sqlState === undefined ? 'COPY_CONNECTION_LOST' : fault.code
    const facts = { ...fault, phase: 'commit' as const, cause: fault }
    const said = `the server says that transaction ${this.#completion?.transactionId}`
    if (status.said === 'committed') {
      const note = new CopyError(code, `${fault.message}; ${said} was committed`, facts)
      this.#end({ state: 'committed', note })
    } else {
      const message = `COMMIT was lost and the server rolled back: ${fault.message}; ${said} was aborted`
      // nothing of it is left there, so it can be loaded again
      this.#end({ state: 'faulted', fault: new CopyError(code, message, { ...facts, retryable: true }) })
    }
  }

  async #status(): ReturnType<typeof transactionStatus> {
    const { transactionId: id, server: mark } = this.#completion ?? {}
    const server = this.#server
    const { resolve, connect } = this.#deadlines
    const unknown = (why: string) => ({ said: 'unknown' as const, why })
    if (id === undefined || server === undefined) return unknown('it has no server that could be asked')
    if (mark === undefined) {
      return unknown(
        'which server it was in could not be learned, for want of the right to pg_control_system() or its like',
      )
    }
    if (resolve === 0) return unknown('deadlines.resolve is 0')
    const asking = transactionStatus({ id, mark, server }, resolve, connect, this.#stop.signal)
    return asking.catch((error: unknown) => unknown(messageOf(error)))
  }

  #endInDoubt(fault: CopyError): void {
    const { transactionId: id = 'unknown' } = this.#completion ?? {}
    const why = this.#why ?? 'the copy was given up before its server answered'
    const message = `${fault.message}; COMMIT had been sent for transaction ${id}, so it may be committed or not (${why})`
    // whatever the fault was, once more might load it twice
    const facts = { ...fault, phase: 'commit' as const, retryable: false, cause: fault }
    this.#end({ state: 'faulted', fault: new CopyError('COPY_IN_DOUBT', message, facts) })
  }

  #end(end: CommitEnd): void {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    this.#ended(end)
    this.#settle()
  }
}
