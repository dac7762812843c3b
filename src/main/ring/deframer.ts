import { readFileSync } from 'node:fs'
import type { SharedMemory } from './memory.js'

/** Why a call of deframe returned; the kernel's own numbers. */
export const STOP = { consumed: 0, message: 1, badLength: 2, noRoom: 3 } as const

/**
 * The deframing kernel: strips the headers of CopyData frames in `[src, end)` and lays their payload at `[dst, limit)`.
 * Addresses are of the ring's memory. It keeps what is cut between calls, so one instance serves one stream.
 */
export interface Deframer {
  /**
   * Takes frames until the bytes or the room run out or another message begins.
   * @param mark address after the last whole row so far; `rowEnd` afterwards, when no further row ended
   * @returns address of the first byte not taken; `out`, `rowEnd`, `rows` and `stop` tell the rest
   */
  deframe(src: number, end: number, dst: number, limit: number, mark: number): number
  readonly out: number
  readonly rowEnd: number
  readonly rows: number
  readonly stop: number
  /** The refused length, when `stop` is badLength. */
  readonly badLength: number
  /** Whether the stream stands inside a frame. */
  readonly midFrame: boolean
  reset(): void
  /** Moves bytes inside the ring's memory; the regions may overlap. */
  move(dst: number, src: number, bytes: number): void
}

interface KernelExports {
  readonly out: WebAssembly.Global
  readonly rowEnd: WebAssembly.Global
  readonly rows: WebAssembly.Global
  readonly stop: WebAssembly.Global
  readonly badLength: WebAssembly.Global
  reset(): void
  midFrame(): number
  move(dst: number, src: number, bytes: number): void
  deframe(src: number, end: number, dst: number, limit: number, mark: number): number
}

let compiled: WebAssembly.Module | undefined

/** The WASM kernel over a ring's memory. 600 bytes: compiling it synchronously takes less than a millisecond. */
export class WasmDeframer implements Deframer {
  readonly #kernel: KernelExports

  constructor(memory: SharedMemory) {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('../../kernel/deframe.wasm', import.meta.url)))
    this.#kernel = new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as KernelExports
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

  get midFrame(): boolean {
    return this.#kernel.midFrame() !== 0
  }

  reset(): void {
    this.#kernel.reset()
  }

  move(dst: number, src: number, bytes: number): void {
    this.#kernel.move(dst, src, bytes)
  }

  deframe(src: number, end: number, dst: number, limit: number, mark: number): number {
    return this.#kernel.deframe(src, end, dst, limit, mark)
  }
}
