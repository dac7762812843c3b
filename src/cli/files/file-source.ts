import { createReadStream } from 'node:fs'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { compressionNamed, compressionOf, decompressor, MAGIC_BYTES } from './compression.js'

const READ_BYTES = 1024 * 1024

/** A file of COPY data, or standard input. Read anew for each pass. */
export class FileSource {
  readonly #path: string
  #bytesRead = 0

  /** @param path `-` is standard input */
  constructor(path: string) {
    this.#path = path
  }

  /** Of the file as it is, packed or not: how far the pass under way has read. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** Its bytes, unpacked. @throws what the file system and the decompressor say, with the path */
  async *read(): AsyncGenerator<Uint8Array> {
    this.#bytesRead = 0
    const input = this.#open()
    try {
      const pieces = this.#counted(input)
      const start = await firstBytes(pieces)
      const packed = compressionOf(start) ?? compressionNamed(this.#path)
      const whole = prepend(start, pieces)
      if (packed === undefined) yield* whole
      else yield* unpack(whole, decompressor(packed, this.#path))
    } catch (error) {
      throw named(error, this.#path)
    } finally {
      input.destroy()
    }
  }

  #open(): Readable {
    if (this.#path === '-') return process.stdin
    return createReadStream(this.#path, { highWaterMark: READ_BYTES })
  }

  async *#counted(input: Readable): AsyncGenerator<Uint8Array> {
    for await (const piece of input as AsyncIterable<Uint8Array>) {
      this.#bytesRead += piece.length
      yield piece
    }
  }
}

/** As many as tell a compression, or all there are. */
const firstBytes = async (pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> => {
  let start = Buffer.alloc(0)
  while (start.length < MAGIC_BYTES) {
    const { done, value } = await pieces.next()
    if (done) break
    start = Buffer.concat([start, value])
  }
  return start
}

const prepend = async function* (
  start: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start
  yield* rest
}

const unpack = async function* (
  packed: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array> {
  // what fails in it is thrown by the transform, which pipeline destroys
  pipeline(packed, transform, () => undefined)
  yield* transform as AsyncIterable<Uint8Array>
}

/** zlib's errors do not tell which file. */
const named = (error: unknown, path: string): unknown => {
  if (!(error instanceof Error) || error.message.includes(path)) return error
  if ('code' in error && String(error.code).startsWith('COPY_')) return error
  const name = path === '-' ? 'standard input' : path
  return new Error(`${name}: ${error.message}`, { cause: error })
}
