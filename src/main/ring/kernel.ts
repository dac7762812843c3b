import { readFileSync } from 'node:fs'
import type { SharedMemory } from './memory.js'

/** Exports of src/kernel/deframe.ts, whose comments are their contract. */
export interface KernelExports {
  readonly out: WebAssembly.Global
  readonly rowEnd: WebAssembly.Global
  readonly rows: WebAssembly.Global
  readonly stop: WebAssembly.Global
  readonly badLength: WebAssembly.Global
  reset(): void
  move(dst: number, src: number, bytes: number): void
  deframe(src: number, end: number, dst: number, limit: number, mark: number): number
}

let compiled: WebAssembly.Module | undefined

/** An instance of the WASM kernel over a ring's memory, with a state of its own. Compiled once, synchronously: it is small. */
export const instantiateKernel = (memory: SharedMemory): KernelExports => {
  compiled ??= new WebAssembly.Module(readFileSync(new URL('../../kernel/deframe.wasm', import.meta.url)))
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as KernelExports
}
