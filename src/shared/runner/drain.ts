import { STREAM_STATE } from '../ring/cells.js'
import type { SliceReader } from '../ring/slice-reader.js'
import type { Target } from './target.js'

/** A waiting loop looks at the ring again at least this often; only a lost wake-up takes that long. */
const WAIT_BOUND_MS = 1000

/**
 * The receivers' loop: next slice, send, release. It runs in a worker or on the main thread, and settles only when no
 * slice is in flight, or after `detach()`.
 */
export class Drain {
  readonly #reader: SliceReader
  readonly #target: Target
  #stopping = false
  #detached = false
  #fault: { error: unknown } | undefined
  #waiting = false
  #stepping = false
  #settle: { resolve(state: 'ended' | 'stopped'): void; reject(error: unknown): void } | undefined

  constructor(reader: SliceReader, target: Target) {
    this.#reader = reader
    this.#target = target
  }

  /**
   * Takes slices until the pass has ended and all slices were sent, or `stop()`.
   * @throws the target's error for a slice; that slice and those after it are not released
   */
  run(): Promise<'ended' | 'stopped'> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      this.#step()
    })
  }

  /** Hands out no further slice. `run` settles when the slices in flight have left. */
  stop(): void {
    this.#stopping = true
    this.#step()
  }

  #step(): void {
    // a target that has sent a slice at once calls back from inside `send`: the loop in #advance goes on without this call
    if (this.#settle === undefined || this.#stepping) return
    this.#stepping = true
    this.#advance()
    this.#stepping = false
  }

  #advance(): void {
    const { maxInFlight } = this.#target
    for (;;) {
      if (this.#stopping || this.#fault !== undefined) break
      if (this.#reader.inFlight >= maxInFlight) return
      // read before the ring: a change after this line ends the wait at once
      const bell = this.#reader.bell()
      const state = this.#reader.state()
      const slice = this.#reader.next()
      if (slice !== undefined) {
        this.#target.send(slice, this.#sent)
        continue
      }
      if (state === STREAM_STATE.open) this.#wait(bell)
      else if (this.#reader.inFlight === 0) this.#finish(state === STREAM_STATE.ended ? 'ended' : 'stopped')
      return
    }
    if (this.#fault !== undefined) this.#finish(this.#fault)
    else if (this.#reader.inFlight === 0) this.#finish('stopped')
  }

  /** After `stop()`: `run` settles at once, and the slices in flight are never released. */
  detach(): void {
    this.#detached = true
    this.#finish('stopped')
  }

  readonly #sent = (error?: unknown): void => {
    if (this.#fault !== undefined || this.#detached) return
    if (error === undefined || error === null) this.#reader.release()
    else this.#fault = { error }
    this.#step()
  }

  #wait(bell: number): void {
    if (this.#waiting) return
    const wait = this.#reader.waitForBell(bell, WAIT_BOUND_MS)
    if (wait === true) {
      queueMicrotask(() => this.#step())
      return
    }
    this.#waiting = true
    wait.then(() => {
      this.#waiting = false
      this.#step()
    })
  }

  #finish(end: 'ended' | 'stopped' | { error: unknown }): void {
    const settle = this.#settle
    this.#settle = undefined
    if (typeof end === 'string') settle?.resolve(end)
    else settle?.reject(end.error)
  }
}
