/**
 * The ring carries one stream of slices from one writer to many receivers in other threads. Each slice lies once in shared
 * memory, and every receiver reads it there.
 *
 * Publishing. The producer lays bytes into the open slot (open-slot.ts). When it is full, or early for an idle receiver
 * (publish-policy.ts), the writer (writer.ts) describes the slice in the table, stores the new published sequence and
 * rings the bell. slot-table.ts knows which slots are free.
 *
 * Lagging. No slice is dropped for a slow receiver. Each receiver has a read cursor, and the slowest of them holds the
 * writer at most `slots` slices ahead (gate.ts). The gate names the receivers that hold up others; what happens to them
 * is decided above.
 *
 * Closing. The writer sets the stream's state: `ended` when all slices of a pass are published, `aborted` when no more will
 * come. A receiver leaves by `RingGate.remove`, when no slice can be read for it any more. When all have left, `release`
 * gives the memory to the next copy (memory.ts).
 */

import { CopyError } from '../../shared/errors/errors.js'
import { RingCells } from '../../shared/ring/cells.js'
import {
  DEFAULT_SLOT_BYTES,
  DEFAULT_SLOTS,
  MAX_RECEIVERS,
  RING_LIMITS,
  type RingShape,
  ringBytes,
  scratchAt,
} from '../../shared/ring/layout.js'
import type { RingTicket } from '../../shared/ring/reader.js'
import { toCell } from '../../shared/ring/sequence.js'
import { giveBack, type SharedMemory, takeMemory } from './memory.js'

/**
 * Size of the ring: memory of slots times slotBytes, and about 200 kB, fixed for the whole copy. However far a receiver
 * lags, no more is kept for it. Besides the ring there is one slice for each function and each client of yours, up to
 * four slices for each receiver under TLS, which encrypts into memory of its own, and Node's own memory for each thread.
 */
export interface RingOptions {
  /** Number of slots, 2 to 4,096. Default: 16. */
  readonly slots?: number
  /** Bytes of one slot, 64 to 64 MiB. Default: 2 MiB. slots times slotBytes must not exceed 1 GiB less 1 MiB. */
  readonly slotBytes?: number
}

const WASM_PAGE_BYTES = 64 * 1024

const checked = (name: 'slots' | 'slotBytes', value: number | undefined, fallback: number): number => {
  if (value === undefined) return fallback
  const { min, max } = RING_LIMITS[name]
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new CopyError(
      'COPY_OPTION',
      `ring.${name} must be a whole number from ${min} to ${max}, not ${String(value)}`,
    )
  }
  return value
}

/**
 * Checks ring options and fills in the defaults.
 * @throws CopyError COPY_OPTION naming the option, the value and the legal range
 */
export const ringShape = (options: RingOptions = {}): RingShape => {
  const shape = {
    slots: checked('slots', options.slots, DEFAULT_SLOTS),
    slotBytes: checked('slotBytes', options.slotBytes, DEFAULT_SLOT_BYTES),
  }
  const bytes = ringBytes(shape)
  if (bytes > RING_LIMITS.totalBytes) {
    throw new CopyError(
      'COPY_OPTION',
      `ring.slots × ring.slotBytes needs ${bytes} bytes of memory; the limit is ${RING_LIMITS.totalBytes}`,
    )
  }
  return shape
}

/** The shared memory of one copy: slots, cells, and the cursors that are handed to receivers. Owned by the manager. */
export class Ring {
  readonly shape: RingShape
  readonly memory: SharedMemory
  readonly buffer: SharedArrayBuffer
  readonly cells: RingCells
  readonly firstSequence: number
  readonly #pages: number
  #receivers = 0

  /** @param firstSequence 0 except in tests, which start near 2^31 and 2^32 */
  constructor(shape: RingShape, firstSequence = 0) {
    this.shape = shape
    this.#pages = Math.ceil(ringBytes(shape) / WASM_PAGE_BYTES)
    this.memory = takeMemory(this.#pages)
    this.buffer = this.memory.buffer
    // an earlier ring left its cells and its table there
    new Uint8Array(this.buffer, 0, scratchAt(shape.slots)).fill(0)
    this.cells = new RingCells(this.buffer, shape)
    this.firstSequence = firstSequence
    this.cells.publish(toCell(firstSequence))
  }

  /**
   * A read cursor for one more receiver. It gates the writer only after RingGate.add.
   * @throws CopyError COPY_OPTION when MAX_RECEIVERS have been given out
   */
  ticket(): RingTicket {
    if (this.#receivers === MAX_RECEIVERS) {
      throw new CopyError('COPY_OPTION', `one copy takes at most ${MAX_RECEIVERS} receivers`)
    }
    return { buffer: this.buffer, shape: this.shape, receiver: this.#receivers++ }
  }

  /** The copy is over, and no thread can read or write the ring any more: another copy may have its memory. Call it once. */
  release(): void {
    giveBack(this.memory, this.#pages)
  }
}
