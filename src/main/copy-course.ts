import { asCopyError, CopyAborted, CopyError, CopyFailed, type ReceiverFault } from '../shared/errors.js'
import type { ServerEvent } from '../shared/session.js'
import { commitAll, compareRows } from './commitment.js'
import type { CheckedOptions } from './manager-options.js'
import { News } from './news.js'
import { Pass } from './pass.js'
import type { Producer } from './producer.js'
import type { Receiver } from './receiver.js'
import { ReceiverGroup } from './receiver-group.js'
import type { ReceiverHandle } from './receiver-handle.js'
import { makeRing, type RingParts } from './ring-parts.js'
import type { Moved } from './slice-totals.js'

/** What one turn of the loop moved. */
export interface Cycle extends Moved {
  readonly pass: number
}

/** `new → opening → open → done`, or `over` when it was given up. */
type Phase = 'new' | 'opening' | 'open' | 'done' | 'over'

export interface CourseListener {
  /** A server spoke on its own account: to the receiver of this name, or to the producer. */
  event(event: ServerEvent, receiver: string | undefined): void
  /** A receiver's state changed. */
  changed(handle: ReceiverHandle): void
}

/** The course of one copy: opening, the turns of the loop, the barrier, the end. CopyManager is its public face. */
export class CopyCourse {
  readonly parts: RingParts
  /** How receivers are committed at the barrier. */
  commitHow: 'one-by-one' | 'together' = 'together'
  readonly #producer: Producer
  readonly #options: CheckedOptions
  readonly #listener: CourseListener
  readonly #group: ReceiverGroup
  readonly #news = new News()
  readonly #onAbort = () => this.#news.tell()
  #phase: Phase = 'new'
  #pass: Pass | undefined
  #taken: Moved = { messages: 0, bytes: 0 }
  #lastFault: ReceiverFault<Receiver> | undefined
  #closing: Promise<void> | undefined
  #firstSliceAt: number | undefined
  #openSeconds = 0
  #seconds: number | undefined

  constructor(
    producer: Producer,
    receivers: readonly Receiver[],
    options: CheckedOptions,
    listener: CourseListener,
  ) {
    this.#producer = producer
    this.#options = options
    this.#listener = listener
    this.parts = makeRing(options.ring, () => {
      this.#firstSliceAt ??= performance.now()
      this.#news.tell()
    })
    const { ring, gate } = this.parts
    const context = {
      ring,
      gate,
      changed: (handle: ReceiverHandle) => {
        listener.changed(handle)
        this.#news.tell()
      },
      event: (handle: ReceiverHandle, event: ServerEvent) => listener.event(event, handle.name),
    }
    this.#group = new ReceiverGroup(receivers, context, options.pool)
  }

  get phase(): Phase {
    return this.#phase
  }

  get handles(): readonly ReceiverHandle[] {
    return this.#group.handles
  }

  get pass(): Pass | undefined {
    return this.#pass
  }

  /** The fault that was thrown last; what `CopyFailed` gives as its cause when nobody is left. */
  get lastFault(): ReceiverFault<Receiver> | undefined {
    return this.#lastFault
  }

  /** From open() to the start of COPY at both ends. */
  get openSeconds(): number {
    return this.#openSeconds
  }

  /** From the first slice until the end, or until now. */
  get seconds(): number {
    if (this.#firstSliceAt === undefined) return 0
    return this.#seconds ?? (performance.now() - this.#firstSliceAt) / 1000
  }

  /** As CopyManager.open. */
  async open(): Promise<void> {
    if (this.#phase !== 'new') throw new CopyError('COPY_STATE', 'open() was called before')
    this.#phase = 'opening'
    const openedAt = performance.now()
    this.#options.signal?.addEventListener('abort', this.#onAbort)
    await this.#refuseAborted()
    const { session, deadlines } = this.#options
    const context = { connectMs: deadlines.connect, session }
    try {
      await this.#producer.open?.({ ...context, event: (event) => this.#listener.event(event, undefined) })
      await this.#group.begin(context, 1, this.parts.writer.sequence)
    } catch (error) {
      await this.end('the copy could not be opened')
      throw new CopyFailed(asCopyError(error, 'start'))
    }
    const pass = new Pass(1, this.#producer, this.parts, () => this.#produced())
    this.#pass = pass
    await this.#until(() => {
      const ready = pass.isStarted && this.handles.every((handle) => handle.state !== 'opening')
      return ready || this.#isAborted || pass.fault !== undefined
    })
    await this.#refuseAborted()
    await this.#refuseProducerFault()
    this.#openSeconds = (performance.now() - openedAt) / 1000
    this.#phase = 'open'
  }

  /** One turn of the loop, as CopyManager.next; undefined when every receiver is final. */
  async cycle(): Promise<Cycle | undefined> {
    if (this.#phase === 'new') await this.open()
    if (this.#phase === 'done') return undefined
    if (this.#phase !== 'open') throw new CopyError('COPY_STATE', 'the copy is over')
    await this.#group.dropTold(this.#options.deadlines.abort)
    for (;;) {
      const seen = this.#news.version
      await this.#refuseAborted()
      this.#refuseFaults()
      await this.#refuseProducerFault()
      const moved = this.#take()
      if (moved !== undefined) return moved
      const active = this.#group.active
      if (active.length === 0) {
        await this.end('no receiver is left')
        throw new CopyFailed(this.#lastFault ?? new CopyError('COPY_STATE', 'no receiver is left'))
      }
      const end = this.#pass?.end
      if (end !== undefined && active.every((handle) => handle.completion !== undefined)) {
        compareRows(active, end)
        this.#refuseFaults()
        await commitAll(active, this.commitHow)
        this.#refuseFaults()
        await this.#finish()
        return undefined
      }
      await this.#news.wait(seen)
    }
  }

  /** Gives up what is not final and lets go of everything: connections, threads, listeners. Once. */
  end(reason: string): Promise<void> {
    this.#closing ??= this.#letGo(reason)
    return this.#closing
  }

  /** What was published since the last turn; the slots behind it may be reused as far as the caller is concerned. */
  #take(): Cycle | undefined {
    const { writer, gate } = this.parts
    const { messages, bytes } = writer.totals
    const moved = { messages: messages - this.#taken.messages, bytes: bytes - this.#taken.bytes }
    if (moved.messages === 0 && moved.bytes === 0) return undefined
    this.#taken = { messages, bytes }
    gate.take(writer.sequence)
    return { ...moved, pass: this.#pass?.number ?? 0 }
  }

  async #finish(): Promise<void> {
    if (this.#firstSliceAt !== undefined) this.#seconds = (performance.now() - this.#firstSliceAt) / 1000
    for (const { receiver, completion } of this.handles) {
      receiver.count = completion?.rows
      receiver.command = completion?.command
    }
    await this.end('')
    this.#phase = 'done'
  }

  async #letGo(reason: string): Promise<void> {
    this.#phase = 'over'
    const { abort } = this.#options.deadlines
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    const pass = this.#pass
    await Promise.all([
      pass?.end === undefined ? pass?.stop(this.#producer, abort) : undefined,
      this.#group.giveUp(reason, abort),
    ])
    await Promise.all([this.#group.end(abort), this.#producer.close?.(abort)])
  }

  /** The producer delivered everything, or failed. */
  #produced(): void {
    if (this.#pass?.end !== undefined) for (const handle of this.handles) handle.ended()
    this.#news.tell()
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted === true
  }

  async #refuseAborted(): Promise<void> {
    if (!this.#isAborted) return
    await this.end('the signal fired')
    throw new CopyAborted('the copy was aborted by its signal', { cause: this.#options.signal?.reason })
  }

  #refuseFaults(): void {
    const fault = this.#group.takeFaults()
    if (fault === undefined) return
    this.#lastFault = fault
    throw fault
  }

  async #refuseProducerFault(): Promise<void> {
    const fault = this.#pass?.fault
    if (fault === undefined) return
    await this.end(fault.message)
    throw new CopyFailed(fault)
  }

  async #until(isTrue: () => boolean): Promise<void> {
    for (;;) {
      const seen = this.#news.version
      if (isTrue()) return
      await this.#news.wait(seen)
    }
  }
}
