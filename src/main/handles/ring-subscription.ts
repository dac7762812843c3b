import type { RingTicket } from '../../shared/ring/reader.js'
import { fromCell, toCell } from '../../shared/ring/sequence.js'
import type { Moved } from '../ring/slice-totals.js'
import type { HandleContext } from './handle-context.js'

const NOTHING: Moved = { messages: 0, bytes: 0 }

/** One receiver's part in the ring: its ticket, whether its cursor gates the writer, and how far it is. */
export class RingSubscription {
  readonly ticket: RingTicket
  readonly #context: Pick<HandleContext, 'ring' | 'gate' | 'before'>
  #progress: Moved = NOTHING

  /** @throws CopyError COPY_OPTION when the ring has no cursor left */
  constructor(context: Pick<HandleContext, 'ring' | 'gate' | 'before'>) {
    this.ticket = context.ring.ticket()
    this.#context = context
  }

  /** What it has released in its pass; after `unsubscribe`, what it had released until then. */
  get progress(): Moved {
    const cursor = this.#context.gate.cursor(this.ticket.receiver)
    if (cursor !== undefined) this.#progress = this.#context.before(cursor)
    return this.#progress
  }

  /** Bytes that are published in its pass and that it has not released. */
  get lagBytes(): number {
    return this.#context.before(Number.POSITIVE_INFINITY).bytes - this.progress.bytes
  }

  get ringShare(): number {
    const { ring, gate } = this.#context
    const cursor = gate.cursor(this.ticket.receiver)
    if (cursor === undefined) return 0
    return (fromCell(cursor, ring.cells.published()) - cursor) / ring.shape.slots
  }

  /** @param cursors as the gate names them */
  isAmong(cursors: readonly number[]): boolean {
    return cursors.includes(this.ticket.receiver)
  }

  /** Its cursor gates the writer from now on, at this sequence. */
  subscribe(sequence: number): void {
    this.#context.ring.cells.setCursor(this.ticket.receiver, toCell(sequence))
    this.#context.gate.add(this.ticket.receiver, sequence)
    this.#progress = NOTHING
  }

  /** Its cursor gates no more. Only when nothing of the ring can be read for it any more. */
  unsubscribe(): void {
    // the last moment at which the cursor can be read
    void this.progress
    this.#context.gate.remove(this.ticket.receiver)
  }

  /** Its part of the pass is void. */
  reset(): void {
    this.#progress = NOTHING
  }
}
