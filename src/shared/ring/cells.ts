import { CELL, type RingShape, ringBytes } from './layout.js'

/** What receivers learn of the stream besides the slices. */
export const STREAM_STATE = {
  /** More slices may come. */
  open: 0,
  /** The producer delivered everything, ReadyForQuery included: what is published is all of this pass. */
  ended: 1,
  /** Nothing more will come, and what came is not to be completed. */
  aborted: 2,
} as const
export type StreamState = (typeof STREAM_STATE)[keyof typeof STREAM_STATE]

/** Answer of a wait: `true` when the cell had changed already, else a promise that settles at the change or the bound. */
export type Wait = true | Promise<unknown>

/**
 * The ring's shared cells. The only file that says `Atomics`; who may write which cell stands in ring-layout.ts.
 * Waits are `Atomics.waitAsync`: nobody blocks a thread that owns a socket. They keep no thread alive (nodejs/node
 * issue 44409), so whoever waits holds a ref'd handle, and they are bounded, so that a lost wake-up costs a moment.
 */
export class RingCells {
  readonly #cells: Int32Array<SharedArrayBuffer>

  constructor(buffer: SharedArrayBuffer, shape: RingShape) {
    if (buffer.byteLength < ringBytes(shape)) {
      throw new RangeError(`ring memory has ${buffer.byteLength} bytes, its shape needs ${ringBytes(shape)}`)
    }
    this.#cells = new Int32Array(buffer)
  }

  /** Main only, after the slot and its table entry are complete: the store makes them visible to every receiver. */
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

  state(): StreamState {
    const state = Atomics.load(this.#cells, CELL.state)
    if (state !== 0 && state !== 1 && state !== 2) throw new RangeError(`unknown stream state ${state}`)
    return state
  }

  /** Main only, before publish. */
  describe(slot: number, bytes: number, rows: number, continues: boolean): void {
    const at = CELL.table(slot)
    this.#cells[at] = bytes
    this.#cells[at + 1] = rows
    this.#cells[at + 2] = continues ? 1 : 0
  }

  /** Payload bytes of the slice in this slot; valid between publish and release, as are rows and continues. */
  bytes(slot: number): number {
    return this.#cells[CELL.table(slot)] as number
  }

  rows(slot: number): number {
    return this.#cells[CELL.table(slot) + 1] as number
  }

  continues(slot: number): boolean {
    return this.#cells[CELL.table(slot) + 2] === 1
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
