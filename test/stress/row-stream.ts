/**
 * Rows whose every byte is a function of seed, row number and offset: a reader in another thread can compute each byte.
 */
export class RowStream {
  readonly #seed: number
  readonly #slotBytes: number

  constructor(seed: number, slotBytes: number) {
    this.#seed = seed
    this.#slotBytes = slotBytes
  }

  /** Bytes of a row: 0 to four slots, most of them few. */
  bytesOf(row: number): number {
    const mixed = this.#mixed(row)
    const size = (mixed >>> 8) / 2 ** 24
    const kind = mixed & 0xff
    if (kind < 8) return 0
    if (kind < 230) return Math.floor((size * this.#slotBytes) / 4)
    if (kind < 252) return Math.floor(size * this.#slotBytes)
    return Math.floor(size * this.#slotBytes * 4)
  }

  row(row: number): Buffer {
    const mixed = this.#mixed(row)
    const bytes = Buffer.allocUnsafe(this.bytesOf(row))
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = byteAt(mixed, at)
    return bytes
  }

  /** @throws when `bytes` are not those of the row from `offset` on */
  check(row: number, offset: number, bytes: Uint8Array): void {
    const mixed = this.#mixed(row)
    for (let at = 0; at < bytes.length; at += 1) {
      if (bytes[at] === byteAt(mixed, offset + at)) continue
      throw new Error(
        `row ${row}, offset ${offset + at}: byte ${bytes[at]}, ${byteAt(mixed, offset + at)} is right`,
      )
    }
  }

  #mixed(row: number): number {
    let mixed = Math.imul(this.#seed ^ Math.imul(row + 1, 0x9e3779b1), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
}

const byteAt = (mixed: number, offset: number): number =>
  Math.imul((mixed ^ offset) + offset, 0x9e3779b1) >>> 24
