/** A WebAssembly.Memory, by a name that declaration files can bear: TypeScript has that one in `lib.dom` only. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

const spare = new Map<number, WeakRef<SharedMemory>[]>()

/**
 * Memory of this many pages of 64 KiB, of a ring that is over where there is one: its bytes are as that one left them.
 * V8 does not count shared memory when it decides to collect garbage, neither here nor in the workers: rings that are
 * made anew for each copy would fill the machine long before it does.
 */
export const takeMemory = (pages: number): SharedMemory => {
  const kept = spare.get(pages) ?? []
  while (kept.length > 0) {
    const memory = kept.pop()?.deref()
    if (memory !== undefined) return memory
  }
  return new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages })
}

/** Lends memory to the next ring of this size, unless it is collected before. Once, when nobody can touch it any more. */
export const giveBack = (memory: SharedMemory, pages: number): void => {
  const kept = (spare.get(pages) ?? []).filter((other) => other.deref() !== undefined)
  kept.push(new WeakRef(memory))
  spare.set(pages, kept)
}
