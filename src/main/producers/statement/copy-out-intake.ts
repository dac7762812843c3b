import { CopyError } from '../../../shared/errors/errors.js'
import { SCRATCH_BYTES, scratchAt } from '../../../shared/ring/layout.js'
import { MessageReader } from '../../../shared/wire/message-reader.js'
import { type Deframer, STOP } from '../../ring/deframer.js'
import type { Ring } from '../../ring/ring.js'
import type { RingWriter } from '../../ring/writer.js'

const PLAIN_BYTES = 64 * 1024
const TYPE = {
  copyOutResponse: 'H',
  copyDone: 'c',
  error: 'E',
  notice: 'N',
  parameter: 'S',
  notification: 'A',
} as const

/**
 * - `plain`: everything goes to pg.
 * - `awaiting`: likewise, but message by message, since behind a CopyOutResponse the rows begin.
 * - `copying`: CopyData goes into the ring, other messages to pg.
 * - `draining`: CopyData is dropped, other messages go to pg: the copy was given up.
 */
type IntakeState = 'plain' | 'awaiting' | 'copying' | 'draining'

/** Bytes in the ring's memory that wait for room. */
interface HeldRegion {
  readonly src: number
  readonly end: number
}

/**
 * Takes what a producer's socket delivers and sends each byte where it belongs: CopyData into the ring, all else to
 * pg's own parser. Bytes come either by `memory()` and `landed()`, read by the kernel into the ring itself, or by
 * `chunk()`, copied once.
 */
export class CopyOutIntake {
  readonly #deframer: Deframer
  readonly #toPg: (bytes: Buffer) => void
  readonly #plain = Buffer.allocUnsafeSlow(PLAIN_BYTES)
  readonly #scratch: number
  #messages = new MessageReader()
  #writer: RingWriter | undefined
  #state: IntakeState = 'plain'
  /** What follows CopyOutResponse. */
  #rows: 'copying' | 'draining' = 'copying'
  /** What could not be laid down since the ring was full: addresses in the ring's memory, or a private chunk. */
  #held: Buffer | HeldRegion | undefined

  constructor(ring: Ring, deframer: Deframer, toPg: (bytes: Buffer) => void) {
    this.#deframer = deframer
    this.#toPg = toPg
    this.#scratch = scratchAt(ring.shape.slots)
  }

  /** A COPY is being submitted: the rows behind the next CopyOutResponse go to `writer`. */
  expect(writer: RingWriter): void {
    this.#writer = writer
    this.#deframer.reset()
    this.#messages = new MessageReader()
    this.#state = 'awaiting'
    this.#rows = 'copying'
  }

  /** From now on rows are dropped. What is held goes the same way, or the stream would be out of step behind it. */
  discard(): void {
    this.#rows = 'draining'
    if (this.#state === 'copying') this.#state = 'draining'
    this.#layHeld()
  }

  /**
   * Memory for the next read. Node binds it when the last callback returns and fills it whenever data comes, so it is
   * never published memory: the rest of the slot that the writer owns, or, when that is full, memory aside.
   */
  memory(): Uint8Array {
    if (this.#state !== 'copying' || this.#writer === undefined) return this.#plain
    const { memory, out, limit, isFull } = this.#writer
    // what is held goes into the slot first, though room may have been found for it already
    if (!isFull && this.#held === undefined) return memory.subarray(out, limit)
    return memory.subarray(this.#scratch, this.#scratch + SCRATCH_BYTES)
  }

  /**
   * The kernel put `bytes` bytes into `view`, which `memory()` gave.
   * @returns false when the ring is full: no more until `resume()`
   */
  landed(view: Uint8Array, bytes: number): boolean {
    if (view.buffer === this.#plain.buffer) return this.chunk(Buffer.from(this.#plain.subarray(0, bytes)))
    return this.#feed(view.byteOffset, view.byteOffset + bytes)
  }

  /** Bytes in private memory. @returns as `landed` */
  chunk(chunk: Buffer): boolean {
    let rest = Buffer.isBuffer(this.#held) ? Buffer.concat([this.#held, chunk]) : chunk
    this.#held = undefined
    while (rest.length > 0) {
      if (this.#state === 'plain') {
        this.#toPg(rest)
        return true
      }
      if (this.#state === 'awaiting') {
        rest = rest.subarray(this.#message(rest))
        continue
      }
      const { memory, out, limit } = this.#roomFor()
      if (out === limit) {
        this.#held = rest
        return false
      }
      const bytes = Math.min(rest.length, limit - out)
      memory.set(rest.subarray(0, bytes), out)
      rest = rest.subarray(bytes)
      this.#feed(out, out + bytes)
    }
    return this.#state !== 'copying' || (this.#writer as RingWriter).offer()
  }

  /** Waits until the ring has room and lays down what was held. @returns as `landed` */
  async resume(isStopped: () => boolean): Promise<boolean> {
    await this.#writer?.space(isStopped)
    return this.#layHeld()
  }

  #layHeld(): boolean {
    const held = this.#held
    this.#held = undefined
    if (held === undefined) return true
    return Buffer.isBuffer(held) ? this.chunk(held) : this.#feed(held.src, held.end)
  }

  /** Where the next bytes of a chunk may be put: none when slot and ring are full; memory aside while draining. */
  #roomFor(): { memory: Uint8Array; out: number; limit: number } {
    const writer = this.#writer as RingWriter
    if (this.#state !== 'copying') {
      return { memory: writer.memory, out: this.#scratch, limit: this.#scratch + SCRATCH_BYTES }
    }
    if (writer.isFull && !writer.publish()) return { memory: writer.memory, out: 0, limit: 0 }
    return { memory: writer.memory, out: writer.out, limit: writer.limit }
  }

  /** Takes the bytes at `[src, end)` of the ring's memory. @returns as `landed` */
  #feed(src: number, end: number): boolean {
    const writer = this.#writer as RingWriter
    const deframer = this.#deframer
    let p = src
    while (p < end) {
      if (this.#state === 'plain') {
        this.#toPg(Buffer.from(writer.memory.subarray(p, end)))
        break
      }
      if (this.#state === 'awaiting' || this.#messages.isPartial) {
        p += this.#message(writer.memory.subarray(p, end))
        continue
      }
      if (this.#state === 'copying') {
        p = deframer.deframe(p, end, writer.out, writer.limit, writer.mark)
        writer.advance(deframer.out, deframer.rowEnd, deframer.rows)
      } else {
        // dropped: compacted onto itself, in memory that nobody else looks at
        p = deframer.deframe(p, end, p, end, p)
      }
      if (deframer.stop === STOP.message) {
        p += this.#message(writer.memory.subarray(p, end))
      } else if (deframer.stop === STOP.badLength) {
        throw new CopyError(
          'COPY_PROTOCOL',
          `the server sent CopyData with length ${deframer.badLength}; 4 is the least`,
          {
            phase: 'copy',
          },
        )
      } else if (deframer.stop === STOP.noRoom && !writer.publish()) {
        this.#held = { src: p, end }
        return false
      }
    }
    return this.#state !== 'copying' || writer.offer()
  }

  /** Gathers a message that is not CopyData and hands it to pg whole. @returns bytes taken */
  #message(bytes: Uint8Array): number {
    const { taken, message } = this.#messages.take(bytes)
    if (message === undefined) return taken
    const type = String.fromCharCode(message[0] as number)
    if (this.#state === 'awaiting') {
      if (type === TYPE.copyOutResponse) this.#state = this.#rows
      else if (type === TYPE.error) this.#state = 'plain'
    } else if (type === TYPE.copyDone || type === TYPE.error) {
      this.#state = 'plain'
    } else if (type !== TYPE.notice && type !== TYPE.parameter && type !== TYPE.notification) {
      throw new CopyError(
        'COPY_PROTOCOL',
        `the server sent message ${JSON.stringify(type)} inside COPY OUT`,
        { phase: 'copy' },
      )
    }
    this.#toPg(message)
    return taken
  }
}
