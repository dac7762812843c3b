import { CopyError, ReceiverFault } from '../shared/errors.js'
import type { Report } from '../shared/receiver-life.js'
import type { Receiver, ReceiverContext } from './receiver.js'
import { type HandleContext, ReceiverHandle } from './receiver-handle.js'
import { LocalLink, type ReceiverLink, WorkerLink } from './receiver-link.js'
import { WorkerPool } from './worker-pool.js'

type MakeLink = (heard: (report: Report) => void) => ReceiverLink

/** All receivers of one copy, in the order they were given, with the threads they live in. */
export class ReceiverGroup {
  readonly handles: readonly ReceiverHandle[]
  readonly #ownPool: WorkerPool | undefined
  readonly #pool: WorkerPool
  #reserved = 0
  /** Faults that the caller has been told of. */
  readonly #told = new Set<ReceiverHandle>()

  /** @throws CopyError COPY_OPTION for no receivers, or one that is given twice */
  constructor(receivers: readonly Receiver[], context: HandleContext, pool: WorkerPool | undefined) {
    if (receivers.length === 0) throw new CopyError('COPY_OPTION', 'at least one receiver is needed')
    if (new Set(receivers).size !== receivers.length)
      throw new CopyError('COPY_OPTION', 'the same receiver is given twice')
    const names = namesOf(receivers)
    this.handles = receivers.map((receiver, i) => new ReceiverHandle(receiver, names[i] as string, context))
    this.#ownPool = pool === undefined ? new WorkerPool({ threads: receivers.length, idleMs: 0 }) : undefined
    this.#pool = pool ?? (this.#ownPool as WorkerPool)
  }

  /** Those that the copy goes on with. */
  get active(): readonly ReceiverHandle[] {
    return this.handles.filter((handle) => handle.isDone || !handle.isFinal)
  }

  /** Starts every receiver's life at `sequence`. One that cannot even be placed is faulted. */
  async begin(context: ReceiverContext, pass: number, sequence: number): Promise<void> {
    const links = new Map<ReceiverHandle, MakeLink>()
    let threads = 0
    const place = async (handle: ReceiverHandle): Promise<void> => {
      try {
        const placement = await handle.receiver.place(context)
        if (placement.thread === 'worker') threads += 1
        links.set(handle, (heard) =>
          placement.thread === 'main'
            ? new LocalLink(placement.makeTarget, handle.ticket, heard)
            : new WorkerLink(placement.plan, handle.ticket, this.#pool, heard),
        )
      } catch (error) {
        handle.fail(error)
      }
    }
    await Promise.all(this.handles.map(place))
    await this.#pool.reserve(threads)
    this.#reserved = threads
    for (const [handle, makeLink] of links) handle.begin(makeLink, pass, sequence)
  }

  /** Takes the faults that the caller has not been told of; undefined when there are none. */
  takeFaults(): ReceiverFault<Receiver> | undefined {
    const faults = new Map<Receiver, CopyError>()
    for (const handle of this.handles) {
      if (handle.state !== 'faulted' || this.#told.has(handle) || handle.fault === undefined) continue
      this.#told.add(handle)
      faults.set(handle.receiver, handle.fault)
    }
    return faults.size === 0 ? undefined : new ReceiverFault(faults)
  }

  /** Goes on without those whose faults were told and not mended. */
  async dropTold(deadlineMs: number): Promise<void> {
    const dropped = this.handles.filter((handle) => handle.state === 'faulted' && this.#told.has(handle))
    await Promise.all(dropped.map((handle) => handle.letGo('dropped', 'dropped after a fault', deadlineMs)))
  }

  /** Gives up all that is not final. */
  async giveUp(reason: string, deadlineMs: number): Promise<void> {
    const open = this.handles.filter((handle) => !handle.isFinal)
    await Promise.all(
      open.map((handle) => {
        const state =
          handle.state === 'completed' || handle.state === 'committing' ? 'rolled-back' : 'aborted'
        return handle.letGo(state, reason, deadlineMs)
      }),
    )
  }

  /** Ends every life and gives the threads back. All must be final. */
  async end(deadlineMs: number): Promise<void> {
    await Promise.all(this.handles.map((handle) => handle.end(deadlineMs)))
    this.#pool.release(this.#reserved)
    this.#reserved = 0
    await this.#ownPool?.close()
  }
}

/** A name for each: its own, else `receiver 1`, …; equal names get a number. */
const namesOf = (receivers: readonly Receiver[]): string[] => {
  const seen = new Map<string, number>()
  return receivers.map((receiver, i) => {
    const name = receiver.name ?? `receiver ${i + 1}`
    const times = (seen.get(name) ?? 0) + 1
    seen.set(name, times)
    return times === 1 ? name : `${name} (${times})`
  })
}
