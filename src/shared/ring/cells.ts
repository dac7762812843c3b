import { CELL, ENTRY, type RingShape, ringBytes } from './layout.js'

/** What receivers learn of the stream besides the slices. */
export const STREAM_STATE = {
  /** More slices may come. */
  open: 0,
  /** The producer delivered everything, ReadyForQuery included: all slices of this pass are published. */
  ended: 1,
  /** No further slice will come, and the slices that came must not be completed. */
  aborted: 2,
} as const
export type StreamState = (typeof STREAM_STATE)[keyof typeof STREAM_STATE]

/** Result of a wait: `true` when the cell had changed already, else a promise that settles at the change or the bound. */
export type Wait = true | Promise<unknown>

/**
 * The ring's shared cells. The only file that uses `Atomics` on the ring; layout.ts says which thread may write which cell.
 * The bell is an eventcount in shared memory: read it, look for work, then wait for another value.
 * Waits are `Atomics.waitAsync`: a thread that owns a socket must not block. They keep no thread alive (nodejs/node
 * issue 44409), so a waiting thread must hold a ref'd handle. Waits are bounded, so that a lost wake-up costs a moment.
 */
export class RingCells {
  readonly #cells: Int32Array<SharedArrayBuffer>

  /** @throws RangeError when the memory is smaller than the shape needs */
  constructor(buffer: SharedArrayBuffer, shape: RingShape) {
    if (buffer.byteLength < ringBytes(shape)) {
      throw new RangeError(`ring memory has ${buffer.byteLength} bytes, its shape needs ${ringBytes(shape)}`)
    }
    this.#cells = new Int32Array(buffer)
  }

  /** Main only, after the slot and its table entry are complete: the store makes both visible to every receiver. */
  publish(cell: number): void {
    Atomics.store(this.#cells, CELL.published, cell)
    this.#ring()
  }

  published(): number {
    return Atomics.load(this.#cells, CELL.published)
  }

  /** Main only. */
  setState(state: StreamState): void {
    Atomics.store(this.#cells, CELL.state, state)
    this.#ring()
  }

  /** @throws RangeError for an unknown state */
  state(): StreamState {
    const state = Atomics.load(this.#cells, CELL.state)
    if (state !== 0 && state !== 1 && state !== 2) throw new RangeError(`unknown stream state ${state}`)
    return state
  }

  /**
   * Main only, before the sequence is published and after every gating cursor has passed the entry's last sequence.
   * @param entry number of the sequence's entry: entryOf; @param flags bits of FLAG
   */
  describe(entry: number, slot: number, bytes: number, rows: number, flags: number): void {
    const at = CELL.entry(entry)
    this.#cells[at + ENTRY.slot] = slot
    this.#cells[at + ENTRY.bytes] = bytes
    this.#cells[at + ENTRY.rows] = rows
    this.#cells[at + ENTRY.flags] = flags
  }

  /** Slot that holds the slice of this entry; valid from publish until release, as are bytes, rows and flags. */
  slot(entry: number): number {
    return this.#cells[CELL.entry(entry) + ENTRY.slot] as number
  }

  /** Payload bytes of the slice. */
  bytes(entry: number): number {
    return this.#cells[CELL.entry(entry) + ENTRY.bytes] as number
  }

  /** Rows that end in the slice. */
  rows(entry: number): number {
    return this.#cells[CELL.entry(entry) + ENTRY.rows] as number
  }

  /** Bits of FLAG. */
  flags(entry: number): number {
    return this.#cells[CELL.entry(entry) + ENTRY.flags] as number
  }

  /** Receiver `receiver` only; main only while that receiver does not run. */
  setCursor(receiver: number, cell: number): void {
    Atomics.store(this.#cells, CELL.cursor(receiver), cell)
    Atomics.notify(this.#cells, CELL.cursor(receiver))
  }

  cursor(receiver: number): number {
    return Atomics.load(this.#cells, CELL.cursor(receiver))
  }

  /** Value to give to waitForBell: read it before looking at what may have changed. */
  bell(): number {
    return Atomics.load(this.#cells, CELL.bell)
  }

  waitForBell(seen: number, boundMs: number): Wait {
    return this.#wait(CELL.bell, seen, boundMs)
  }

  waitForCursor(receiver: number, seen: number, boundMs: number): Wait {
    return this.#wait(CELL.cursor(receiver), seen, boundMs)
  }

  #ring(): void {
    Atomics.add(this.#cells, CELL.bell, 1)
    Atomics.notify(this.#cells, CELL.bell)
  }

  #wait(index: number, seen: number, boundMs: number): Wait {
    const wait = Atomics.waitAsync(this.#cells, index, seen, boundMs)
    return wait.async ? wait.value : true
  }
}
