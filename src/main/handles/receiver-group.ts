import { abortable } from '../../shared/async/deadline.js'
import { CopyError } from '../../shared/errors/errors.js'
import type { AbortReason } from '../../shared/messages/messages.js'
import { WorkerPool } from '../links/worker-pool.js'
import type { Receiver, ReceiverContext } from '../receivers/receiver.js'
import type { HandleContext, PassStart } from './handle-context.js'
import { PlannedPlace } from './placement.js'
import { ReceiverHandle } from './receiver-handle.js'

/** Threads of a copy's own pool beyond its receivers: for those that join late. They start when they are needed. */
const ROOM_TO_ATTACH = 64

/** All receivers of one copy, in the order in which the caller gave them, with the threads of their runners. */
export class ReceiverGroup {
  readonly #handles: ReceiverHandle[] = []
  readonly #context: HandleContext
  readonly #ownPool: WorkerPool | undefined
  readonly #pool: WorkerPool
  readonly #places = new Map<ReceiverHandle, PlannedPlace>()
  #reserved = 0

  /** @throws CopyError COPY_OPTION for no receivers, or a receiver that is given twice */
  constructor(receivers: readonly Receiver[], context: HandleContext, pool: WorkerPool | undefined) {
    if (receivers.length === 0) throw new CopyError('COPY_OPTION', 'at least one receiver is needed')
    this.#context = context
    for (const receiver of receivers) this.#add(receiver)
    const threads = receivers.length + ROOM_TO_ATTACH
    this.#ownPool = pool === undefined ? new WorkerPool({ threads, idleMs: 0 }) : undefined
    this.#pool = pool ?? (this.#ownPool as WorkerPool)
  }

  get handles(): readonly ReceiverHandle[] {
    return this.#handles
  }

  /** The receivers that the copy goes on with. */
  get active(): readonly ReceiverHandle[] {
    return this.#handles.filter(({ facts }) => facts.isDone || !facts.isFinal)
  }

  /** Whether all receivers that the copy goes on with are complete, or wait for a further pass. */
  get isReady(): boolean {
    return this.active.every(({ facts, state }) => facts.isLoaded || state === 'waiting')
  }

  /** After `close`: whether no runner can touch the ring any more. */
  get isReleased(): boolean {
    return this.#handles.every(({ runner }) => runner.isClean)
  }

  /** Names of the receivers that are committed. */
  get committed(): readonly string[] {
    return this.#handles.filter(({ state }) => state === 'committed').map(({ name }) => name)
  }

  /** Whether the COMMIT of a receiver may have been done or not. */
  get isInDoubt(): boolean {
    return this.#handles.some(({ facts }) => facts.isInDoubt)
  }

  /** Receivers that hold up others by being slower, and that the caller can go on without. */
  get holdingUp(): readonly ReceiverHandle[] {
    const cursors = this.#context.gate.holdingUp
    return this.#handles.filter(
      ({ subscription, state, receiver }) =>
        subscription.isAmong(cursors) && state === 'receiving' && !receiver.lendsSlots,
    )
  }

  /** Whether the receivers that join a pass have joined: at least one takes slices, and none is still opening. */
  get hasJoined(): boolean {
    const states = this.#handles.map(({ state }) => state)
    return states.includes('receiving') && !states.includes('opening')
  }

  get waiting(): readonly ReceiverHandle[] {
    return this.#handles.filter((handle) => handle.state === 'waiting')
  }

  /** @throws CopyError COPY_STATE when the receiver takes no part in this copy */
  handleOf(receiver: Receiver): ReceiverHandle {
    const found = this.#handles.find((handle) => handle.receiver === receiver)
    if (found === undefined) throw new CopyError('COPY_STATE', 'that receiver takes no part in this copy')
    return found
  }

  /**
   * Starts the runner of every receiver. A receiver that cannot even be placed is faulted.
   * @param signal cancels the wait for threads, and for functions of the user, e.g. `password`
   * @throws the signal's reason
   */
  async begin(context: ReceiverContext, start: PassStart, signal: AbortSignal): Promise<void> {
    const threads = await Promise.all(this.#handles.map((handle) => this.#place(handle, context, signal)))
    signal.throwIfAborted()
    const needed = threads.reduce((sum, count) => sum + count, 0)
    await this.#pool.reserve(needed, signal)
    if (signal.aborted) this.#pool.release(needed)
    signal.throwIfAborted()
    this.#reserved = needed
    this.#beginAll(this.#handles, start)
  }

  /** Starts the receivers that wait for a pass, unless the signal fires. A late receiver takes a thread only if it is free. */
  async beginWaiting(context: ReceiverContext, start: () => PassStart, signal: AbortSignal): Promise<void> {
    const { waiting } = this
    await Promise.all(waiting.map((handle) => handle.released))
    for (const handle of waiting) {
      if (this.#places.has(handle) || handle.state !== 'waiting') continue
      const threads = await this.#place(handle, context, signal)
      if (signal.aborted) return
      if (this.#pool.tryReserve(threads)) {
        this.#reserved += threads
      } else {
        this.#places.delete(handle)
        handle.fail(new CopyError('COPY_STATE', 'the pool has no free thread for a receiver that joins late'))
      }
    }
    // a receiver whose thread does not end was dropped: its cursor still gates, since the thread may read its slots
    const left = waiting.filter(({ state }) => state !== 'dropped')
    if (!signal.aborted) this.#beginAll(left, start())
  }

  /** Adds a receiver, for the next pass. @throws CopyError COPY_OPTION when it takes part already */
  attach(receiver: Receiver): void {
    this.#add(receiver).wait()
  }

  /** The producer delivered everything of the pass under way. */
  passEnded(): void {
    for (const handle of this.#handles) handle.passEnded()
  }

  /** All passes are over: gives each receiver its own count and command tag. */
  recordResults(): void {
    for (const { receiver, completion } of this.#handles) {
      receiver.count = completion?.rows
      receiver.command = completion?.command
    }
  }

  /** Aborts every receiver that is not final. */
  async abort(reason: AbortReason, deadlineMs: number): Promise<void> {
    const open = this.#handles.filter(({ facts }) => !facts.isFinal)
    await Promise.all(open.map((handle) => handle.abort(reason, deadlineMs)))
  }

  /** Ends every runner and gives the threads back. All receivers must be final. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.close(deadlineMs)))
    this.#pool.release(this.#reserved)
    this.#reserved = 0
    await this.#ownPool?.close()
    for (const { receiver } of this.#handles) receiver.release()
  }

  #add(receiver: Receiver): ReceiverHandle {
    if (this.#handles.some((handle) => handle.receiver === receiver)) {
      throw new CopyError('COPY_OPTION', 'the same receiver is given twice')
    }
    const handle = new ReceiverHandle(receiver, this.#nameFor(receiver), this.#context)
    this.#handles.push(handle)
    return handle
  }

  /** The receiver's own name, else `receiver 1`, …; a name that is taken gets a number. */
  #nameFor(receiver: Receiver): string {
    const name = receiver.name ?? `receiver ${this.#handles.length + 1}`
    const isTaken = (wanted: string): boolean => this.#handles.some((handle) => handle.name === wanted)
    for (let times = 1; ; times++) {
      const wanted = times === 1 ? name : `${name} (${times})`
      if (!isTaken(wanted)) return wanted
    }
  }

  /** Learns where a receiver's runner is to live, unless the signal fires. @returns how many threads that takes */
  async #place(handle: ReceiverHandle, context: ReceiverContext, signal: AbortSignal): Promise<number> {
    try {
      const placement = await abortable(handle.receiver.place(context), signal)
      const place = new PlannedPlace(placement, this.#pool, this.#context.deadlines.thread)
      this.#places.set(handle, place)
      return place.threads
    } catch (error) {
      if (!signal.aborted) handle.fail(error)
      return 0
    }
  }

  #beginAll(handles: readonly ReceiverHandle[], start: PassStart): void {
    for (const handle of handles) {
      const place = this.#places.get(handle)
      if (place !== undefined && handle.state !== 'faulted') handle.begin(place, start)
    }
  }
}
