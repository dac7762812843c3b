import { CopyError } from '../errors/errors.js'

const HEADER_BYTES = 5
/** libpq's own limit for messages that are never long; a longer one means that the stream is out of step. */
const SHORT_MESSAGE_BYTES = 30_000
/** Notices, errors and notifications may be long: an error quotes the line it is about. So may rows, where COPY was expected. */
const LONG_MESSAGE_BYTES = 16 * 1024 * 1024
const LONG_TYPES = 'NEATD'
const FIELD_TYPES = 'EN'

/**
 * Gathers one wire message that is not CopyData, however its bytes are cut, as a private copy: pg keeps references to
 * what it is given, and these bytes lie in memory that will be overwritten. What it holds is at most twice what came.
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
   * @returns how many were taken, and the message once it is complete
   * @throws CopyError COPY_PROTOCOL for a length that no such message has, and for fields that do not end
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

  /** Room grows with what comes, not with what a header says. */
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

/**
 * ErrorResponse and NoticeResponse are fields, each a letter and a text that NUL ends, and one more NUL behind them.
 * Where that is missing pg's parser reads on for ever (pg-protocol parser.ts, parseErrorMessage).
 */
const checkFields = (message: Buffer): void => {
  const type = String.fromCharCode(message[0] as number)
  if (!FIELD_TYPES.includes(type)) return
  let at = HEADER_BYTES
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at + 1)
    at = end === -1 ? message.length : end + 1
  }
  if (at === message.length - 1) return
  throw new CopyError('COPY_PROTOCOL', `the server sent message "${type}" whose fields do not end with it`, {
    phase: 'copy',
  })
}
