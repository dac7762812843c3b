/** One message of the wire. `type` is its letter; `startup`, `ssl` and `cancel` for those that a client opens with. */
export interface Frame {
  readonly type: string
  /** All of it, with its header. */
  readonly bytes: Buffer
  /** What follows the header. */
  readonly body: Buffer
}

const OPENINGS: Readonly<Record<number, string>> = { 80877102: 'cancel', 80877103: 'ssl' }

/** Whole messages out of what comes in pieces. One reader for one direction of one connection. */
export class FrameReader {
  #parts: Buffer[] = []
  #have = 0
  #isOpening: boolean
  #expectsByte = false

  /** @param from `client`: begins with messages that have no type letter */
  constructor(from: 'client' | 'server') {
    this.#isOpening = from === 'client'
  }

  /** The next byte is a server's answer to SSLRequest, which has no header: it comes as a frame of one byte. */
  expectByte(): void {
    this.#expectsByte = true
  }

  /** @returns the messages that are complete now */
  take(bytes: Buffer): Frame[] {
    if (bytes.length > 0) this.#parts.push(bytes)
    this.#have += bytes.length
    const frames: Frame[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  #next(): Frame | undefined {
    if (this.#expectsByte && this.#have > 0) {
      this.#expectsByte = false
      const bytes = this.#cut(1)
      return { type: bytes.toString('latin1'), bytes, body: Buffer.alloc(0) }
    }
    const header = this.#isOpening ? 4 : 5
    if (this.#have < header) return undefined
    const size = header - 4 + this.#peek(header).readInt32BE(header - 4)
    if (this.#have < size) return undefined
    const bytes = this.#cut(size)
    const body = bytes.subarray(header)
    if (!this.#isOpening) return { type: bytes.toString('latin1', 0, 1), bytes, body }
    const type = OPENINGS[body.readInt32BE(0)] ?? 'startup'
    this.#isOpening = type === 'ssl'
    return { type, bytes, body }
  }

  #peek(bytes: number): Buffer {
    if ((this.#parts[0] as Buffer).length < bytes) this.#parts = [Buffer.concat(this.#parts)]
    return this.#parts[0] as Buffer
  }

  #cut(bytes: number): Buffer {
    const all = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    this.#have -= bytes
    this.#parts = this.#have === 0 ? [] : [all.subarray(bytes)]
    return all.subarray(0, bytes)
  }
}
