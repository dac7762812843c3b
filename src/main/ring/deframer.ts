import { instantiateKernel, type KernelExports } from './kernel.js'
import type { SharedMemory } from './memory.js'

/** Why a call of deframe returned; the kernel's own numbers. */
export const STOP = { consumed: 0, message: 1, badLength: 2, noRoom: 3 } as const

/**
 * The deframing kernel: strips the headers of CopyData frames in `[src, end)` and lays their payload at `[dst, limit)`.
 * Addresses are of the ring's memory. It keeps the cut part of a frame between calls, so one instance serves one stream:
 * the producer makes one for each stream that it reads.
 */
export interface Deframer {
  /**
   * Takes frames until the bytes or the room run out or another message begins.
   * @param mark address after the last whole row so far; `rowEnd` afterwards, when no further row ended
   * @returns address of the first byte not taken; `out`, `rowEnd`, `rows` and `stop` hold the other results
   */
  deframe(src: number, end: number, dst: number, limit: number, mark: number): number
  /** Address after the last payload byte laid. */
  readonly out: number
  /** Address after the last whole row. */
  readonly rowEnd: number
  /** Rows that ended in the last call. */
  readonly rows: number
  /** One of STOP. */
  readonly stop: number
  /** The refused length, when `stop` is badLength. */
  readonly badLength: number
  /** Forgets the cut part of a frame: another stream begins. */
  reset(): void
}

/** The WASM kernel as a Deframer. */
export class WasmDeframer implements Deframer {
  readonly #kernel: KernelExports

  constructor(memory: SharedMemory) {
    this.#kernel = instantiateKernel(memory)
  }

  get out(): number {
    return this.#kernel.out.value
  }

  get rowEnd(): number {
    return this.#kernel.rowEnd.value
  }

  get rows(): number {
    return this.#kernel.rows.value
  }

  get stop(): number {
    return this.#kernel.stop.value
  }

  get badLength(): number {
    return this.#kernel.badLength.value
  }

  reset(): void {
    this.#kernel.reset()
  }

  deframe(src: number, end: number, dst: number, limit: number, mark: number): number {
    return this.#kernel.deframe(src, end, dst, limit, mark)
  }
}
