import { CopyError } from '../errors/errors.js'
import { HEADER_BYTES, MESSAGE_TYPE, showType } from './message-types.js'

/** libpq's own limit for messages that are never long; a longer one means that the stream is out of step. */
const SHORT_MESSAGE_BYTES = 30_000
const LONG_MESSAGE_BYTES = 16 * 1024 * 1024
/** Messages that may be long: an error quotes the row that it is about, and a statement that is no COPY returns rows. */
const LONG_TYPES: readonly number[] = [
  MESSAGE_TYPE.NoticeResponse,
  MESSAGE_TYPE.ErrorResponse,
  MESSAGE_TYPE.NotificationResponse,
  MESSAGE_TYPE.RowDescription,
  MESSAGE_TYPE.DataRow,
]
/** Messages that are a list of fields. */
const FIELD_TYPES: readonly number[] = [MESSAGE_TYPE.ErrorResponse, MESSAGE_TYPE.NoticeResponse]

/**
 * Gathers one wire message that is not CopyData, however its bytes are cut, as a private copy: pg keeps references to
 * the bytes of a message, and the bytes that come lie in memory that will be overwritten. The memory in use is at most
 * twice the bytes that came.
 */
export class MessageReader {
  #gathered: Buffer = Buffer.alloc(0)
  #have = 0
  /** Whole size with header, once the header is complete. */
  #size: number | undefined

  /** Whether a message has begun and not ended. */
  get isPartial(): boolean {
    return this.#have > 0
  }

  /**
   * Takes bytes up to the end of the message.
   * @returns how many bytes were taken, and the message once it is complete
   * @throws CopyError COPY_PROTOCOL for a length that no message of its type has, and for fields that do not end
   */
  take(bytes: Uint8Array): { taken: number; message?: Buffer } {
    let taken = 0
    if (this.#size === undefined) {
      taken = Math.min(HEADER_BYTES - this.#have, bytes.length)
      this.#keep(bytes.subarray(0, taken), HEADER_BYTES)
      if (this.#have < HEADER_BYTES) return { taken }
      this.#size = sizeOf(this.#gathered)
    }
    const more = Math.min(this.#size - this.#have, bytes.length - taken)
    this.#keep(bytes.subarray(taken, taken + more), this.#size)
    taken += more
    if (this.#have < this.#size) return { taken }
    const message = this.#gathered.subarray(0, this.#size)
    this.#gathered = Buffer.alloc(0)
    this.#have = 0
    this.#size = undefined
    checkFields(message)
    return { taken, message }
  }

  /** Memory grows with the bytes that come, not with the length that a header claims. */
  #keep(bytes: Uint8Array, size: number): void {
    const needed = this.#have + bytes.length
    if (needed > this.#gathered.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(size, 2 * needed)))
      this.#gathered.copy(larger, 0, 0, this.#have)
      this.#gathered = larger
    }
    this.#gathered.set(bytes, this.#have)
    this.#have = needed
  }
}

const sizeOf = (header: Buffer): number => {
  const type = header[0] as number
  const length = header.readInt32BE(1)
  const limit = LONG_TYPES.includes(type) ? LONG_MESSAGE_BYTES : SHORT_MESSAGE_BYTES
  if (length < 4 || length > limit) {
    throw new CopyError(
      'COPY_PROTOCOL',
      `the server sent message ${showType(type)} with length ${length}; 4 to ${limit} is possible`,
      { phase: 'copy' },
    )
  }
  return length + 1
}

/**
 * ErrorResponse and NoticeResponse hold fields, each a letter and a text with a NUL at its end, and one NUL after the last
 * field. Where that last NUL is missing, pg's parser loops for ever (pg-protocol parser.ts, parseErrorMessage).
 */
const checkFields = (message: Buffer): void => {
  const type = message[0] as number
  if (!FIELD_TYPES.includes(type)) return
  let at = HEADER_BYTES
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at + 1)
    at = end === -1 ? message.length : end + 1
  }
  if (at === message.length - 1) return
  throw new CopyError(
    'COPY_PROTOCOL',
    `the server sent message ${showType(type)} whose fields do not end with it`,
    {
      phase: 'copy',
    },
  )
}
