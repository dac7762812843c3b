import { settlesWithin } from '../../shared/async/deadline.js'
import type { AbortReason, ReceiverCommand } from '../../shared/messages/messages.js'
import type { ServerAccess } from '../access/server-access.js'

/** By itself, or by force. */
export type RunnerEnd = 'ended' | 'killed'

/** Main's connection to a receiver's life, wherever that is lived. */
export interface ReceiverLink {
  /** How to reach the server that the receiver commits on; undefined for receivers without one. */
  readonly server: ServerAccess | undefined
  send(command: ReceiverCommand): void
  /** Settles when the life is over and nothing of it can touch the ring any more. */
  readonly over: Promise<RunnerEnd>
  /** Ends the life by force. `over` settles soon after. */
  kill(): void
}

/** A thread that does not answer in its deadline and this much more is ended, and is given as long again to exit. */
const KILL_GRACE_MS = 1000

/** Main's demand that a life gives up what it began. */
export class AbortRequest {
  #answered: (() => void) | undefined

  get isPending(): boolean {
    return this.#answered !== undefined
  }

  /** The life has answered. */
  answered(): void {
    this.#answered?.()
  }

  /**
   * Tells the life, and ends it by force when it does not answer.
   * @returns whether nothing of it can touch the ring any more: a thread in a call that blocks exits when that returns
   */
  async send(link: ReceiverLink, reason: AbortReason, deadlineMs: number): Promise<boolean> {
    const answer = new Promise<void>((resolve) => {
      this.#answered = resolve
    })
    link.send({ type: 'abort', reason, deadlineMs })
    try {
      return await settlesOrIsKilled(link, Promise.race([answer, link.over]), deadlineMs)
    } finally {
      this.#answered = undefined
    }
  }
}

/** Tells a life that it is over. @returns whether it is */
export const closeLink = async (link: ReceiverLink, deadlineMs: number): Promise<boolean> => {
  link.send({ type: 'end', deadlineMs })
  return settlesOrIsKilled(link, link.over, deadlineMs)
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
