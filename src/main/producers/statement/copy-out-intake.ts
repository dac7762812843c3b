import { CopyError } from '../../../shared/errors/errors.js'
import { SCRATCH_BYTES, scratchAt } from '../../../shared/ring/layout.js'
import { MessageReader } from '../../../shared/wire/message-reader.js'
import { MESSAGE_TYPE, showType } from '../../../shared/wire/message-types.js'
import { type Deframer, STOP } from '../../ring/deframer.js'
import type { OpenSlot } from '../../ring/open-slot.js'
import type { Ring } from '../../ring/ring.js'
import type { RingWriter } from '../../ring/writer.js'

const PLAIN_BYTES = 64 * 1024

/** Messages that a server may send between two rows. */
const BETWEEN_ROWS: ReadonlySet<number> = new Set<number>([
  MESSAGE_TYPE.NoticeResponse,
  MESSAGE_TYPE.ParameterStatus,
  MESSAGE_TYPE.NotificationResponse,
])

/**
 * - `plain`: all bytes pass through.
 * - `awaiting`: all messages pass through, one by one, since the rows begin after a CopyOutResponse.
 * - `copying`: CopyData goes into the ring, other messages pass through.
 * - `draining`: CopyData is dropped, other messages pass through: the copy was aborted.
 */
type IntakeState = 'plain' | 'awaiting' | 'copying' | 'draining'

/** Bytes in the ring's memory that wait for room. */
interface HeldRegion {
  readonly src: number
  readonly end: number
}

/** Takes the bytes that are not CopyData: pg's own parser. */
export type PassThrough = (bytes: Buffer) => void

/**
 * Takes the bytes of a producer's socket and sorts them: CopyData goes into the ring, all other messages pass through to
 * pg's own parser. Bytes come either by `memory()` and `landed()`, read by the kernel into the ring itself, or by
 * `chunk()`, copied once.
 */
export class CopyOutIntake {
  /** Set by the source of the bytes before the first of them. Gets private copies. */
  passThrough: PassThrough = () => undefined
  readonly #deframer: Deframer
  readonly #plain = Buffer.allocUnsafeSlow(PLAIN_BYTES)
  readonly #scratch: number
  #messages = new MessageReader()
  #writer: RingWriter | undefined
  #state: IntakeState = 'plain'
  /** The state that follows CopyOutResponse. */
  #rows: 'copying' | 'draining' = 'copying'
  /** Bytes that could not be laid since the ring was full: addresses in the ring's memory, or a private chunk. */
  #held: Buffer | HeldRegion | undefined

  /** @param deframer this stream's own */
  constructor(ring: Ring, deframer: Deframer) {
    this.#deframer = deframer
    this.#scratch = scratchAt(ring.shape.slots)
  }

  /** A COPY is being submitted: the rows after the next CopyOutResponse go to `writer`. */
  expect(writer: RingWriter): void {
    this.#writer = writer
    this.#deframer.reset()
    this.#messages = new MessageReader()
    this.#state = 'awaiting'
    this.#rows = 'copying'
  }

  /** Rows are dropped from now on. Held bytes are sorted now, or the stream would be out of step after them. */
  discard(): void {
    this.#rows = 'draining'
    if (this.#state === 'copying') this.#state = 'draining'
    this.#layHeld()
  }

  /**
   * Memory for the next read. Node binds it when the last callback returns and fills it whenever data comes, so it is
   * never published memory: the rest of the open slot or, when that is full, scratch memory.
   */
  memory(): Uint8Array {
    if (this.#state !== 'copying' || this.#writer === undefined) return this.#plain
    const { memory, out, limit, isFull } = this.#writer.slot
    // held bytes go into the slot first, though room may have been found for them already
    if (!isFull && this.#held === undefined) return memory.subarray(out, limit)
    return memory.subarray(this.#scratch, this.#scratch + SCRATCH_BYTES)
  }

  /**
   * The kernel put `bytes` bytes into `view`, which `memory()` returned.
   * @returns false when the ring is full: no more reads until `resume()`
   * @throws CopyError COPY_PROTOCOL; any error of pg's parser
   */
  landed(view: Uint8Array, bytes: number): boolean {
    if (view.buffer === this.#plain.buffer) return this.chunk(Buffer.from(this.#plain.subarray(0, bytes)))
    return this.#sort(view.byteOffset, view.byteOffset + bytes)
  }

  /** Bytes in private memory. @returns as `landed` */
  chunk(chunk: Buffer): boolean {
    let rest = Buffer.isBuffer(this.#held) ? Buffer.concat([this.#held, chunk]) : chunk
    this.#held = undefined
    while (rest.length > 0) {
      if (this.#state === 'plain') {
        this.passThrough(rest)
        return true
      }
      if (this.#state === 'awaiting') {
        rest = rest.subarray(this.#message(rest))
        continue
      }
      const { memory } = this.#slot
      const { out, limit } = this.#roomFor()
      if (out === limit) {
        this.#held = rest
        return false
      }
      const bytes = Math.min(rest.length, limit - out)
      memory.set(rest.subarray(0, bytes), out)
      rest = rest.subarray(bytes)
      this.#sort(out, out + bytes)
    }
    return this.#state !== 'copying' || (this.#writer as RingWriter).offer()
  }

  /** Waits until the ring has room and lays the held bytes. @returns as `landed` */
  async resume(isStopped: () => boolean): Promise<boolean> {
    await this.#writer?.space(isStopped)
    return this.#layHeld()
  }

  #layHeld(): boolean {
    const held = this.#held
    this.#held = undefined
    if (held === undefined) return true
    return Buffer.isBuffer(held) ? this.chunk(held) : this.#sort(held.src, held.end)
  }

  get #slot(): OpenSlot {
    return (this.#writer as RingWriter).slot
  }

  /** Where the next bytes of a chunk may be put: nowhere when slot and ring are full; scratch memory while draining. */
  #roomFor(): { out: number; limit: number } {
    if (this.#state !== 'copying') return { out: this.#scratch, limit: this.#scratch + SCRATCH_BYTES }
    const writer = this.#writer as RingWriter
    if (writer.slot.isFull && !writer.publish()) return { out: 0, limit: 0 }
    return writer.slot
  }

  /** Sorts the bytes at `[src, end)` of the ring's memory. @returns as `landed` */
  #sort(src: number, end: number): boolean {
    const writer = this.#writer as RingWriter
    const { slot } = writer
    const deframer = this.#deframer
    let p = src
    while (p < end) {
      if (this.#state === 'plain') {
        this.passThrough(Buffer.from(slot.memory.subarray(p, end)))
        break
      }
      if (this.#state === 'awaiting' || this.#messages.isPartial) {
        p += this.#message(slot.memory.subarray(p, end))
        continue
      }
      if (this.#state === 'copying') p = slot.deframe(deframer, p, end)
      // dropped: compacted onto itself, in memory that no other thread reads
      else p = deframer.deframe(p, end, p, end, p)
      if (deframer.stop === STOP.message) {
        p += this.#message(slot.memory.subarray(p, end))
      } else if (deframer.stop === STOP.badLength) {
        throw protocolError(`the server sent CopyData with length ${deframer.badLength}; 4 is the least`)
      } else if (deframer.stop === STOP.noRoom && !writer.publish()) {
        this.#held = { src: p, end }
        return false
      }
    }
    return this.#state !== 'copying' || writer.offer()
  }

  /** Gathers a message that is not CopyData and passes it through whole. @returns bytes taken */
  #message(bytes: Uint8Array): number {
    const { taken, message } = this.#messages.take(bytes)
    if (message === undefined) return taken
    const type = message[0] as number
    if (this.#state === 'awaiting') {
      if (type === MESSAGE_TYPE.CopyOutResponse) this.#state = this.#rows
      else if (type === MESSAGE_TYPE.ErrorResponse) this.#state = 'plain'
    } else if (type === MESSAGE_TYPE.CopyDone || type === MESSAGE_TYPE.ErrorResponse) {
      this.#state = 'plain'
    } else if (!BETWEEN_ROWS.has(type)) {
      throw protocolError(`the server sent message ${showType(type)} inside COPY OUT`)
    }
    this.passThrough(message)
    return taken
  }
}

const protocolError = (message: string): CopyError =>
  new CopyError('COPY_PROTOCOL', message, { phase: 'copy' })
