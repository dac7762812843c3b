import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, rmSync, type WriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { type Placement, Receiver, type RingSlice, type Target } from '../../index.js'
import { compressionNamed, compressor, requireCompression } from './compression.js'

/** Of COPY data in front of each slice: the frame's header, which no file wants. */
const payload = ({ frame, bytes }: RingSlice): Uint8Array => frame.subarray(frame.length - bytes)

/**
 * Writes a file of COPY data, or on standard output if the path is `-`, packed if its name says so: beside the place where it belongs, so that no half file looks
 * whole. `keep()` moves it there, `discard()` removes it. What is no regular file, such as a pipe, is written as it stands.
 */
export class FileReceiver extends Receiver {
  readonly #target: FileTarget

  /** @throws CopyError COPY_OPTION when its compression is not to be had */
  constructor(path: string, name: string) {
    super(name)
    requireCompression(path)
    this.#target = new FileTarget(path)
  }

  async place(): Promise<Placement> {
    return { thread: 'main', makeTarget: () => this.#target }
  }

  /** The copy was a success here: the file takes its place. */
  keep(): Promise<void> {
    return this.#target.keep()
  }

  /** Nothing of it stays behind. */
  discard(): Promise<void> {
    return this.#target.discard()
  }
}

const STANDARD_OUTPUT = '-'

/** Files that are being written: a process that ends at once leaves none of them behind. */
const unfinished = new Set<string>()

process.once('exit', () => {
  for (const path of unfinished) rmSync(path, { force: true })
})

/** What is written there is for somebody else: it stays open, and ends when the process does. */
const standardOutput = (): Writable =>
  new Writable({
    write: (chunk, _, written) =>
      void process.stdout.write(chunk, (error) => written(error && reason(error))),
  })

const reason = (error: Error): Error =>
  'code' in error && error.code === 'EPIPE'
    ? new Error('whoever read it has gone away', { cause: error })
    : error

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
    this.#input = this.#packed(file)
    for (const stream of new Set<Writable>([file, this.#input]))
      stream.on('error', (error) => this.#fail(error))
  }

  send(slice: RingSlice, sent: (error?: unknown) => void): void {
    // a private copy: a compressor may hold on to it
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

  async end(): Promise<void> {}

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

  #packed(file: WriteStream): Writable {
    const compression = compressionNamed(this.#path)
    if (compression === undefined) return file
    const transform = compressor(compression, this.#path)
    transform.pipe(file)
    return transform
  }
}
