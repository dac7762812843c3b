import { type Deframer, STOP } from '../../src/main/ring/deframer.js'

const COPY_DATA = 0x64 // 'd'
const HEADER_BYTES = 5

/**
 * The deframing kernel in plain TypeScript: a second implementation. Tests hold the two against each
 * other, and a benchmark shows what the kernel is for.
 */
export class DeframeTwin implements Deframer {
  readonly #memory: Uint8Array
  /** The header of the frame that began last, of which `#have` bytes have come. */
  readonly #header = new DataView(new ArrayBuffer(HEADER_BYTES))
  #have = 0
  /** Payload bytes of the current frame that have not come. */
  #left = 0
  #out = 0
  #rowEnd = 0
  #rows = 0
  #stop: number = STOP.consumed
  #badLength = 0

  constructor(memory: Uint8Array) {
    this.#memory = memory
  }

  get out(): number {
    return this.#out
  }

  get rowEnd(): number {
    return this.#rowEnd
  }

  get rows(): number {
    return this.#rows
  }

  get stop(): number {
    return this.#stop
  }

  get badLength(): number {
    return this.#badLength
  }

  reset(): void {
    this.#have = 0
    this.#left = 0
  }

  move(dst: number, src: number, bytes: number): void {
    this.#memory.copyWithin(dst, src, src + bytes)
  }

  deframe(src: number, end: number, dst: number, limit: number, mark: number): number {
    this.#out = dst
    this.#rowEnd = mark
    this.#rows = 0
    this.#stop = STOP.consumed
    let at = src
    for (;;) {
      if (this.#left > 0) {
        const bytes = Math.min(this.#left, end - at, limit - this.#out)
        this.move(this.#out, at, bytes)
        this.#out += bytes
        this.#left -= bytes
        at += bytes
        if (this.#left > 0) {
          if (at < end) this.#stop = STOP.noRoom
          return at
        }
        this.#endRow()
      }
      for (; this.#have < HEADER_BYTES; this.#have += 1) {
        if (at === end) return at
        const byte = this.#memory[at] as number
        if (this.#have === 0 && byte !== COPY_DATA) {
          this.#stop = STOP.message
          return at
        }
        this.#header.setUint8(this.#have, byte)
        at += 1
      }
      this.#have = 0
      const length = this.#header.getInt32(1)
      if (length < 4) {
        this.#badLength = length
        this.#stop = STOP.badLength
        return at
      }
      this.#left = length - 4
      if (this.#left === 0) this.#endRow()
    }
  }

  #endRow(): void {
    this.#rows += 1
    this.#rowEnd = this.#out
  }
}
