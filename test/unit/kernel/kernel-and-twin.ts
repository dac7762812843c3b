import assert from 'node:assert/strict'
import { WasmDeframer } from '../../../src/main/ring/deframer.js'
import { type MemoryMove, memoryMove } from '../../../src/main/ring/memory-move.js'
import { DeframeTwin } from '../../support/deframe-twin.js'

/** One page of memory for each. */
export const MEMORY_BYTES = 64 * 1024

/** Results of one call of deframe. */
export interface Told {
  readonly next: number
  readonly out: number
  readonly rowEnd: number
  readonly rows: number
  readonly stop: number
  readonly badLength: number
}

/** The kernel and its twin side by side: every call goes to both; results and memory are compared after it. */
export class KernelAndTwin {
  readonly memory: Uint8Array<SharedArrayBuffer>
  readonly #twinMemory = new Uint8Array(MEMORY_BYTES)
  readonly #kernel: WasmDeframer
  readonly #move: MemoryMove
  readonly #twin = new DeframeTwin(this.#twinMemory)

  constructor() {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    this.memory = new Uint8Array(memory.buffer)
    this.#kernel = new WasmDeframer(memory)
    this.#move = memoryMove(memory)
  }

  /** A new stream in memory that holds `guard` everywhere. */
  begin(guard = 0xa5): void {
    this.memory.fill(guard)
    this.#twinMemory.fill(guard)
    this.#kernel.reset()
    this.#twin.reset()
  }

  put(at: number, bytes: Uint8Array): void {
    this.memory.set(bytes, at)
    this.#twinMemory.set(bytes, at)
  }

  move(dst: number, src: number, bytes: number): void {
    this.#move(dst, src, bytes)
    this.#twin.move(dst, src, bytes)
    this.#sameMemory()
  }

  deframe(src: number, end: number, dst: number, limit: number, mark: number): Told {
    // the twin's memory holds the same bytes, and copies faster than shared memory
    const before = Buffer.from(this.#twinMemory)
    const next = this.#kernel.deframe(src, end, dst, limit, mark)
    const told = tell(this.#kernel, next)
    assert.deepEqual(told, tell(this.#twin, this.#twin.deframe(src, end, dst, limit, mark)))
    this.#sameMemory()
    assert.ok(src <= next && next <= end, `${src} <= ${next} <= ${end}`)
    assert.ok(dst <= told.out && told.out <= limit, `${dst} <= ${told.out} <= ${limit}`)
    this.#untouched(before, 0, dst)
    this.#untouched(before, told.out, MEMORY_BYTES)
    return told
  }

  #sameMemory(): void {
    assert.equal(Buffer.compare(this.memory, this.#twinMemory), 0, 'memory differs')
  }

  #untouched(before: Buffer, from: number, to: number): void {
    const same = before.compare(this.memory, from, to, from, to) === 0
    assert.ok(same, `a byte outside of the written region changed in [${from}, ${to})`)
  }
}

const tell = (deframer: WasmDeframer | DeframeTwin, next: number): Told => ({
  next,
  out: deframer.out,
  rowEnd: deframer.rowEnd,
  rows: deframer.rows,
  stop: deframer.stop,
  badLength: deframer.badLength,
})
