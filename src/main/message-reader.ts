import { CopyError } from '../shared/errors.js'

const HEADER_BYTES = 5
/** libpq's own limit for messages that are never long; a longer one means that the stream is out of step. */
const SHORT_MESSAGE_BYTES = 30_000
/** Notices, errors and notifications may be long: an error quotes the line it is about. So may rows, where COPY was expected. */
const LONG_MESSAGE_BYTES = 16 * 1024 * 1024
const LONG_TYPES = 'NEATD'

/**
 * Gathers one wire message that is not CopyData, however its bytes are cut, as a private copy: pg keeps references to
 * what it is given, and these bytes lie in memory that will be overwritten.
 */
export class MessageReader {
  #parts: Buffer[] = []
  #bytes = 0
  /** Whole size with header, once the header is complete. */
  #size: number | undefined

  /** Whether a message has begun and not ended. */
  get isPartial(): boolean {
    return this.#bytes > 0
  }

  /**
   * Takes bytes up to the end of the message.
   * @returns how many were taken, and the message once it is complete
   * @throws CopyError COPY_PROTOCOL for a length that no such message has
   */
  take(bytes: Uint8Array): { taken: number; message?: Buffer } {
    let taken = 0
    if (this.#size === undefined) {
      taken = Math.min(HEADER_BYTES - this.#bytes, bytes.length)
      this.#keep(bytes.subarray(0, taken))
      if (this.#bytes < HEADER_BYTES) return { taken }
      this.#size = sizeOf(Buffer.concat(this.#parts))
    }
    const more = Math.min(this.#size - this.#bytes, bytes.length - taken)
    this.#keep(bytes.subarray(taken, taken + more))
    taken += more
    if (this.#bytes < this.#size) return { taken }
    const message = Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    this.#size = undefined
    return { taken, message }
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#parts.push(Buffer.from(bytes))
    this.#bytes += bytes.length
  }
}

const sizeOf = (header: Buffer): number => {
  const type = String.fromCharCode(header[0] as number)
  const length = header.readInt32BE(1)
  const limit = LONG_TYPES.includes(type) ? LONG_MESSAGE_BYTES : SHORT_MESSAGE_BYTES
  if (length < 4 || length > limit) {
    throw new CopyError(
      'COPY_PROTOCOL',
      `the server sent message ${JSON.stringify(type)} with length ${length}; 4 to ${limit} is possible`,
      { phase: 'copy' },
    )
  }
  return length + 1
}
