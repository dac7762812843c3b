import { instantiateKernel } from './kernel.js'
import type { SharedMemory } from './memory.js'

/** Moves `bytes` bytes inside the ring's memory; the regions may overlap. Addresses are of that memory. */
export type MemoryMove = (dst: number, src: number, bytes: number) => void

/** The kernel's move: `Uint8Array.copyWithin` is slow in shared memory. */
export const memoryMove = (memory: SharedMemory): MemoryMove => {
  const { move } = instantiateKernel(memory)
  return (dst, src, bytes) => move(dst, src, bytes)
}
