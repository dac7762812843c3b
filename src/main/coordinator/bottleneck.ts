import type { ReceiverHandle } from '../handles/receiver-handle.js'
import type { RingGate } from '../ring/gate.js'

/** While the ring is full, the source waits for a receiver that still holds more than this share of the slots. */
const FULL = 0.5
/** How long a receiver must hold the others up before its server is asked, in milliseconds. */
const SUSPECT_MS = 2_000
/** The least time between two questions, each of which needs a connection of its own, in milliseconds. */
const ASK_MS = 5_000
/** A receiver that has not held the others up for this long is no longer suspected, in milliseconds. */
const FORGET_MS = 1_000

interface Suspect {
  readonly since: number
  readonly seen: number
}

/**
 * Finds the receivers that the source waits for now. If there is only one, asks its server what its backend waits for. It
 * looks when the caller asks for stats, and has no timer of its own.
 */
export class Bottleneck {
  readonly #gate: RingGate
  readonly #suspects = new Map<ReceiverHandle, Suspect>()
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(gate: RingGate) {
    this.#gate = gate
  }

  /**
   * @param now milliseconds of a monotonic clock
   * @returns the receivers that hold the others up at this moment: while the ring is full, those that still hold
   *   more than half of it; after the end of the source, those with data left to take
   */
  look(handles: readonly ReceiverHandle[], now: number): readonly ReceiverHandle[] {
    const holding = handles.filter((handle) => this.#holdsUp(handle))
    for (const handle of holding) {
      const since = this.#suspects.get(handle)?.since ?? now
      this.#suspects.set(handle, { since, seen: now })
    }
    for (const [handle, { seen }] of this.#suspects) {
      if (now - seen > FORGET_MS) this.#suspects.delete(handle)
    }
    this.#ask(now)
    return holding
  }

  #holdsUp({ state, subscription }: ReceiverHandle): boolean {
    if (state === 'completing') return subscription.ringShare > 0
    return state === 'receiving' && this.#gate.isFull && subscription.ringShare > FULL
  }

  #ask(now: number): void {
    const [first, second] = this.#suspects
    if (first === undefined || second !== undefined) return
    const [handle, { since }] = first
    if (now - since < SUSPECT_MS || now - this.#askedAt < ASK_MS) return
    this.#askedAt = now
    handle.runner.send({ type: 'diagnose' })
  }
}
