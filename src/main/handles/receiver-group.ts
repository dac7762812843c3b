import { abortable } from '../../shared/async/deadline.js'
import { CopyError, ReceiverFault } from '../../shared/errors/errors.js'
import type { AbortReason, ReceiverEvent } from '../../shared/messages/messages.js'
import { isInDoubt } from '../commit/commit.js'
import { WorkerPool } from '../links/worker-pool.js'
import type { Receiver, ReceiverContext } from '../receivers/receiver.js'
import type { HandleContext, PassStart } from './handle-context.js'
import { linkMaker, type MakeLink } from './placement.js'
import { ReceiverHandle } from './receiver-handle.js'

/** What a copy gives to the group of its receivers. */
export interface GroupContext extends Pick<HandleContext, 'ring' | 'gate' | 'before' | 'deadlines' | 'warn'> {
  /** Something about a receiver changed. */
  readonly changed: (handle: ReceiverHandle) => void
  /** A receiver's server spoke on its own account. */
  readonly event: (event: ReceiverEvent, receiver: string) => void
}

/** Threads of a copy's own pool beyond its receivers: for those that join late. They start when they are needed. */
const ROOM_TO_ATTACH = 64

/** All receivers of one copy, in the order they were given, with the threads they live in. */
export class ReceiverGroup {
  readonly #handles: ReceiverHandle[] = []
  readonly #context: GroupContext
  readonly #ownPool: WorkerPool | undefined
  readonly #pool: WorkerPool
  /** How each receiver's life is made, once it has been placed. */
  readonly #makers = new Map<ReceiverHandle, MakeLink>()
  #reserved = 0
  /** Those whose fault the caller has been told of. */
  readonly #told = new Set<ReceiverHandle>()

  /** @throws CopyError COPY_OPTION for no receivers, or one that is given twice */
  constructor(receivers: readonly Receiver[], context: GroupContext, pool: WorkerPool | undefined) {
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

  /** Those that the copy goes on with. */
  get active(): readonly ReceiverHandle[] {
    return this.#handles.filter((handle) => handle.isDone || !handle.isFinal)
  }

  /** Whether all that the copy goes on with are complete, or wait for a further pass. */
  get isReady(): boolean {
    return this.active.every(
      ({ completion, state }) => state === 'waiting' || (completion !== undefined && state !== 'faulted'),
    )
  }

  /** After `end`: whether nothing can be left of anybody that still knows the ring. */
  get hasLetGo(): boolean {
    return this.#handles.every((handle) => handle.hasLetGo)
  }

  /** Names of those that are committed. */
  get committed(): readonly string[] {
    return this.#handles.filter(({ state }) => state === 'committed').map(({ name }) => name)
  }

  /** Whether somebody's COMMIT may have been done or not. */
  get isInDoubt(): boolean {
    return this.#handles.some(({ fault }) => isInDoubt(fault))
  }

  /** Those that hold up others by being slower, of which the caller can go on without them. */
  get holdingUp(): readonly ReceiverHandle[] {
    const { holdingUp } = this.#context.gate
    return this.#handles.filter(
      ({ ticket, state, receiver }) =>
        holdingUp.includes(ticket.receiver) && state === 'receiving' && !receiver.lendsSlots,
    )
  }

  /** Whether those that join a pass have done so: at least one takes slices, and nobody is still opening. */
  get hasJoined(): boolean {
    const states = this.#handles.map(({ state }) => state)
    return states.includes('receiving') && !states.includes('opening')
  }

  /** How long the next pass must not begin yet, in milliseconds. */
  get pauseMs(): number {
    return Math.max(...this.waiting.map(({ subscription: participation }) => participation.pauseMs))
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
   * Starts every receiver's life. One that cannot even be placed is faulted.
   * @throws the signal's reason when it gives up the wait for threads, or for users' functions such as `password`
   */
  async begin(context: ReceiverContext, joining: PassStart, signal: AbortSignal): Promise<void> {
    const threads = await Promise.all(this.#handles.map((handle) => this.#place(handle, context, signal)))
    signal.throwIfAborted()
    const needed = threads.reduce((sum, count) => sum + count, 0)
    await this.#pool.reserve(needed, signal)
    if (signal.aborted) this.#pool.release(needed)
    signal.throwIfAborted()
    this.#reserved = needed
    this.#beginAll(this.#handles, joining)
  }

  /** Starts those that wait for a pass, unless the signal fires. Threads that late ones need are taken only if free. */
  async beginWaiting(context: ReceiverContext, joining: () => PassStart, signal: AbortSignal): Promise<void> {
    const { waiting } = this
    await Promise.all(waiting.map((handle) => handle.released))
    for (const handle of waiting) {
      if (this.#makers.has(handle) || handle.state !== 'waiting') continue
      const threads = await this.#place(handle, context, signal)
      if (signal.aborted) return
      if (this.#pool.tryReserve(threads)) {
        this.#reserved += threads
      } else {
        this.#makers.delete(handle)
        handle.fail(new CopyError('COPY_STATE', 'the pool has no free thread for a receiver that joins late'))
      }
    }
    // one whose thread does not end was dropped instead: its cursor still gates by what that thread was lent
    const left = waiting.filter(({ state }) => state !== 'dropped')
    if (!signal.aborted) this.#beginAll(left, joining())
  }

  /** One more receiver, for the next pass. @throws CopyError COPY_OPTION when it takes part already */
  attach(receiver: Receiver): void {
    this.#add(receiver).wait()
  }

  /** Takes the faults that the caller has not been told of; undefined when there are none. */
  takeFaults(): ReceiverFault<Receiver> | undefined {
    const faults = new Map<Receiver, CopyError>()
    for (const handle of this.#handles) {
      // mended meanwhile: what comes next is news
      if (handle.state !== 'faulted') this.#told.delete(handle)
      if (handle.state !== 'faulted' || this.#told.has(handle) || handle.fault === undefined) continue
      this.#told.add(handle)
      faults.set(handle.receiver, handle.fault)
    }
    return faults.size === 0 ? undefined : new ReceiverFault(faults)
  }

  /** As ReceiverHandle.reconcile. A further fault is news then, also when it comes before the next turn. */
  reconcile(handle: ReceiverHandle): void {
    handle.reconcile()
    this.#told.delete(handle)
  }

  /** Goes on without those whose faults were told and not mended. */
  async dropTold(deadlineMs: number): Promise<void> {
    const dropped = this.#handles.filter((handle) => handle.state === 'faulted' && this.#told.has(handle))
    await Promise.all(dropped.map((handle) => handle.letGo('dropped', 'dropped after a fault', deadlineMs)))
  }

  /** All passes are over: tells each receiver what it came to. */
  finish(): void {
    for (const { receiver, completion } of this.#handles) {
      receiver.count = completion?.rows
      receiver.command = completion?.command
    }
  }

  /** Gives up all that is not final. */
  async giveUp(reason: AbortReason, deadlineMs: number): Promise<void> {
    const open = this.#handles.filter((handle) => !handle.isFinal)
    await Promise.all(
      open.map((handle) => {
        const state = handle.completion === undefined ? 'aborted' : 'rolled-back'
        return handle.letGo(state, reason, deadlineMs)
      }),
    )
  }

  /** Ends every life and gives the threads back. All must be final. */
  async end(deadlineMs: number): Promise<void> {
    await Promise.all(this.#handles.map((handle) => handle.end(deadlineMs)))
    this.#pool.release(this.#reserved)
    this.#reserved = 0
    await this.#ownPool?.close()
    for (const { receiver } of this.#handles) receiver.left()
  }

  #add(receiver: Receiver): ReceiverHandle {
    if (this.#handles.some((handle) => handle.receiver === receiver)) {
      throw new CopyError('COPY_OPTION', 'the same receiver is given twice')
    }
    const { changed, event, ...context } = this.#context
    const name = this.#nameFor(receiver)
    const handle: ReceiverHandle = new ReceiverHandle(receiver, name, {
      ...context,
      changed: () => changed(handle),
      event: (said) => event(said, name),
    })
    this.#handles.push(handle)
    return handle
  }

  /** Its own name, else `receiver 1`, …; one that is taken gets a number. */
  #nameFor(receiver: Receiver): string {
    const name = receiver.name ?? `receiver ${this.#handles.length + 1}`
    const isTaken = (wanted: string): boolean => this.#handles.some((handle) => handle.name === wanted)
    for (let times = 1; ; times++) {
      const wanted = times === 1 ? name : `${name} (${times})`
      if (!isTaken(wanted)) return wanted
    }
  }

  /** Learns where a receiver lives, unless the signal fires. @returns how many threads that takes */
  async #place(handle: ReceiverHandle, context: ReceiverContext, signal: AbortSignal): Promise<number> {
    try {
      const placement = await abortable(handle.receiver.place(context), signal)
      const silentMs = this.#context.deadlines.thread
      this.#makers.set(handle, linkMaker(placement, handle.ticket, this.#pool, silentMs))
      return placement.thread === 'worker' ? 1 : 0
    } catch (error) {
      if (!signal.aborted) handle.fail(error)
      return 0
    }
  }

  #beginAll(handles: readonly ReceiverHandle[], joining: PassStart): void {
    for (const handle of handles) {
      const makeLink = this.#makers.get(handle)
      if (makeLink !== undefined && handle.state !== 'faulted') handle.begin(makeLink, joining)
    }
  }
}
