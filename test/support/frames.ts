/** One message of the wire. */
export interface Frame {
  /** The message's letter; `startup`, `ssl` or `cancel` for a message that opens a connection and has no letter. */
  readonly type: string
  /** The whole message, header included. */
  readonly bytes: Buffer
  /** The bytes after the header. */
  readonly body: Buffer
}

const OPENINGS: Readonly<Record<number, string>> = { 80877102: 'cancel', 80877103: 'ssl' }

/** Makes whole messages of pieces of any size. One reader serves one direction of one connection. */
export class FrameReader {
  #parts: Buffer[] = []
  #have = 0
  #isOpening: boolean
  #expectsByte = false

  /** @param from `client`: the stream begins with messages that have no letter */
  constructor(from: 'client' | 'server') {
    this.#isOpening = from === 'client'
  }

  /** The next byte is the server's answer to SSLRequest. That answer has no header: it becomes a frame of one byte. */
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
