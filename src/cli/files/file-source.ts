import { createReadStream } from 'node:fs'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { compressionNamed, compressionOf, decompressor, MAGIC_BYTES } from './compression.js'

const READ_BYTES = 1024 * 1024

/** A file of COPY data, or standard input. Each pass reads the file from its start. */
export class FileSource {
  readonly #path: string
  #bytesRead = 0

  /** @param path `-` is standard input */
  constructor(path: string) {
    this.#path = path
  }

  /** How many bytes of the file, compressed or not, this pass has read. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  /** The decompressed bytes. @throws the errors of the file system and of the decompressor, with the path */
  async *read(): AsyncGenerator<Uint8Array> {
    this.#bytesRead = 0
    const input = this.#open()
    try {
      const pieces = this.#counted(input)
      const start = await firstBytes(pieces)
      const compression = compressionOf(start) ?? compressionNamed(this.#path)
      const whole = prepend(start, pieces)
      if (compression === undefined) yield* whole
      else yield* decompress(whole, decompressor(compression, this.#path))
    } catch (error) {
      throw withPath(error, this.#path)
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

/** At least MAGIC_BYTES bytes, or all bytes of a shorter file. */
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

const decompress = async function* (
  compressed: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array> {
  // an error in the pipeline destroys the transform, which then throws it here
  pipeline(compressed, transform, () => undefined)
  yield* transform as AsyncIterable<Uint8Array>
}

/** zlib's errors do not name the file. */
const withPath = (error: unknown, path: string): unknown => {
  if (!(error instanceof Error) || error.message.includes(path)) return error
  if ('code' in error && String(error.code).startsWith('COPY_')) return error
  const name = path === '-' ? 'standard input' : path
  return new Error(`${name}: ${error.message}`, { cause: error })
}
