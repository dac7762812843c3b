import { settlesWithin } from '../../shared/async/deadline.js'
import type { WaitDiagnosis } from '../../shared/liveness/slowness.js'
import type { AbortReason, ReceiverCommand } from '../../shared/messages/messages.js'
import type { Report } from '../../shared/runner/receiver-runner.js'
import type { ServerAccess } from '../access/server-access.js'
import type { ReceiverLink } from './link.js'

/** A thread that misses its deadline by this much is killed, and gets as much time again to exit. In milliseconds. */
const KILL_GRACE_MS = 1000

export interface Diagnosed {
  /** What the receiver's backend waited for when its server was asked last in this pass. */
  readonly diagnosis: WaitDiagnosis | undefined
}

/** A receiver's runner as main holds it: the link to it while there is one, and whether it holds anything. */
export class LinkedRunner implements Diagnosed {
  #link: ReceiverLink | undefined
  /** Whether it may hold slots, a connection or a transaction that it was not ordered to release. */
  #isHolding = false
  #isClean = true
  #diagnosis: WaitDiagnosis | undefined
  /** Resolves the abort that waits for the runner's answer. */
  #answerAbort: (() => void) | undefined

  get isLinked(): boolean {
    return this.#link !== undefined
  }

  /** Whether it takes part in a pass, and was not ordered to abort. */
  get isActive(): boolean {
    return this.#isHolding && this.#answerAbort === undefined
  }

  /** After `close`: whether it released everything on its own and in time, so that nothing of it can touch the ring. */
  get isClean(): boolean {
    return this.#isClean
  }

  get server(): ServerAccess | undefined {
    return this.#link?.server
  }

  /** Uses this link until its runner has ended. */
  attach(link: ReceiverLink): void {
    this.#link = link
    link.over.then((how) => {
      if (how === 'killed') this.#isClean = false
      if (this.#link === link) this.#link = undefined
    })
  }

  get diagnosis(): WaitDiagnosis | undefined {
    return this.#diagnosis
  }

  /** Begins a pass. */
  begin(start: Omit<Extract<ReceiverCommand, { type: 'begin' }>, 'type'>): void {
    this.#isHolding = true
    this.#diagnosis = undefined
    this.#link?.send({ type: 'begin', ...start })
  }

  send(command: Extract<ReceiverCommand, { type: 'reconcile' | 'commit' | 'diagnose' }>): void {
    this.#link?.send(command)
  }

  /**
   * Orders the runner to abort what it began, and kills the runner when it does not answer in time.
   * @returns whether nothing of it can touch the ring any more: false for a thread in a call that blocks, which exits
   *   when that call returns
   */
  async abort(reason: AbortReason, deadlineMs: number): Promise<boolean> {
    const link = this.#isHolding ? this.#link : undefined
    if (link !== undefined && !(await this.#abort(link, reason, deadlineMs))) {
      this.#isClean = false
      return false
    }
    this.#isHolding = false
    return true
  }

  /** The runner answered an abort or a question. `aligned`: its connection is at a message boundary. */
  answered(report: Extract<Report, { type: 'aborted' | 'diagnosis' }>): void {
    if (report.type === 'diagnosis') {
      this.#diagnosis = report.diagnosis
      return
    }
    if (!report.aligned) this.#isClean = false
    this.#answerAbort?.()
  }

  /** Stops using a runner that does not end. @returns settles when it has ended */
  async abandon(): Promise<void> {
    const link = this.#link
    this.#link = undefined
    await link?.over
  }

  /** Ends the runner: connection closed, thread free. Kills it when that takes too long. */
  async close(deadlineMs: number): Promise<void> {
    const link = this.#link
    this.#link = undefined
    if (link === undefined) return
    link.send({ type: 'close', deadlineMs })
    if (!(await settlesOrIsKilled(link, link.over, deadlineMs))) this.#isClean = false
  }

  async #abort(link: ReceiverLink, reason: AbortReason, deadlineMs: number): Promise<boolean> {
    const answer = new Promise<void>((resolve) => {
      this.#answerAbort = resolve
    })
    link.send({ type: 'abort', reason, deadlineMs })
    try {
      return await settlesOrIsKilled(link, Promise.race([answer, link.over]), deadlineMs)
    } finally {
      this.#answerAbort = undefined
    }
  }
}

const settlesOrIsKilled = async (
  link: ReceiverLink,
  answer: Promise<unknown>,
  deadlineMs: number,
): Promise<boolean> => {
  if (await settlesWithin(answer, deadlineMs + KILL_GRACE_MS)) return true
  link.kill()
  return settlesWithin(link.over, KILL_GRACE_MS)
}
