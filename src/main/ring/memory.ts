/** A WebAssembly.Memory. Declaration files cannot use that name: TypeScript has it in `lib.dom` only. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

const spare = new Map<number, WeakRef<SharedMemory>[]>()

/**
 * Memory of this many pages of 64 KiB: the memory of an earlier ring if one is spare, with the bytes that ring left there.
 * V8 does not count shared memory when it decides to collect garbage, neither here nor in the workers: new memory for
 * each copy would fill the machine long before a collection.
 */
export const takeMemory = (pages: number): SharedMemory => {
  const kept = spare.get(pages) ?? []
  while (kept.length > 0) {
    const memory = kept.pop()?.deref()
    if (memory !== undefined) return memory
  }
  return new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages })
}

/** Keeps memory for the next ring of this size, until it is collected. Call it once, when no thread can touch the memory any more. */
export const giveBack = (memory: SharedMemory, pages: number): void => {
  const kept = (spare.get(pages) ?? []).filter((other) => other.deref() !== undefined)
  kept.push(new WeakRef(memory))
  spare.set(pages, kept)
}
