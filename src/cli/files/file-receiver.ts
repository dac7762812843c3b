import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, rmSync, type WriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { type Placement, Receiver, type RingSlice, type Target } from '../../index.js'
import { compressionNamed, compressor, requireCompression } from './compression.js'

/** The COPY data of a slice, without the header of its frame. */
const payload = ({ frame, bytes }: RingSlice): Uint8Array => frame.subarray(frame.length - bytes)

/**
 * Writes COPY data into a file, or to standard output for the path `-`; compressed if the name ends in .gz or .zst. The
 * data goes into a `.part` file beside the path, so that a partial file never has the final name: `keep()` renames the
 * file, `discard()` removes it. A pipe or a device is written directly.
 */
export class FileReceiver extends Receiver {
  readonly #target: FileTarget

  /** @throws CopyError COPY_OPTION when this Node lacks the compression */
  constructor(path: string, name: string) {
    super(name)
    requireCompression(path)
    this.#target = new FileTarget(path)
  }

  async place(): Promise<Placement> {
    return { thread: 'main', makeTarget: () => this.#target }
  }

  /** Gives the complete file its final name. */
  keep(): Promise<void> {
    return this.#target.keep()
  }

  /** Removes the file. */
  discard(): Promise<void> {
    return this.#target.discard()
  }
}

const STANDARD_OUTPUT = '-'

/** Files without their final name: removed when the process exits. */
const unfinished = new Set<string>()

process.once('exit', () => {
  for (const path of unfinished) rmSync(path, { force: true })
})

/** Writes to process.stdout without closing it: the process may print more. */
const standardOutput = (): Writable =>
  new Writable({
    write: (chunk, _, written) =>
      void process.stdout.write(chunk, (error) => written(error && reason(error))),
  })

const reason = (error: Error): Error =>
  'code' in error && error.code === 'EPIPE' ? new Error('its reader closed it', { cause: error }) : error

class FileTarget implements Target {
  readonly redelivers = false
  readonly maxInFlight = 2
  readonly #path: string
  #written: string | undefined
  #file: WriteStream | undefined
  #input: Writable | undefined
  #fail: (error: Error) => void = () => undefined
  failed: Promise<never> = new Promise<never>(() => undefined)

  constructor(path: string) {
    this.#path = path
  }

  async open(): Promise<void> {
    this.failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => undefined)
    if (this.#path === STANDARD_OUTPUT) {
      this.#input = standardOutput().on('error', (error) => this.#fail(error))
      return
    }
    const isSpecial = await stat(this.#path).then(
      (found) => !found.isFile() && !found.isDirectory(),
      () => false,
    )
    const written = isSpecial ? this.#path : `${this.#path}.${randomBytes(4).toString('hex')}.part`
    this.#written = written
    if (!isSpecial) unfinished.add(written)
    const file = createWriteStream(written, { flags: isSpecial ? 'w' : 'wx', flush: !isSpecial })
    this.#file = file
    await once(file, 'open')
    this.#input = this.#compress(file)
    for (const stream of new Set<Writable>([file, this.#input]))
      stream.on('error', (error) => this.#fail(error))
  }

  send(slice: RingSlice, sent: (error?: unknown) => void): void {
    // a copy: the compressor may use the bytes after the slice is released
    this.#input?.write(Buffer.from(payload(slice)), (error) => sent(error ?? undefined))
  }

  async complete(): Promise<{ commits: false }> {
    const closed = once(this.#file ?? (this.#input as Writable), 'close')
    closed.catch(() => undefined)
    this.#input?.end()
    await Promise.race([closed, this.failed])
    return { commits: false }
  }

  async commit(): Promise<void> {}

  async abort(): Promise<boolean> {
    await this.discard()
    return true
  }

  async close(): Promise<void> {}

  async keep(): Promise<void> {
    const written = this.#written
    if (written === undefined || written === this.#path) return
    await rename(written, this.#path)
    unfinished.delete(written)
  }

  async discard(): Promise<void> {
    const written = this.#written
    this.#written = undefined
    this.#input?.destroy()
    const file = this.#file
    if (file !== undefined && !file.closed) {
      const closed = once(file, 'close')
      closed.catch(() => undefined)
      file.destroy()
      await closed.catch(() => undefined)
    }
    if (written === undefined || written === this.#path) return
    await rm(written, { force: true })
    unfinished.delete(written)
  }

  #compress(file: WriteStream): Writable {
    const compression = compressionNamed(this.#path)
    if (compression === undefined) return file
    const transform = compressor(compression, this.#path)
    transform.pipe(file)
    return transform
  }
}
