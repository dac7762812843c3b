import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { CopyError } from '../shared/errors.js'
import type { CopyOutIntake } from './copy-out-intake.js'

/** Node's `onread`, which its types know for `connect` only; the constructor takes it too (nodejs/node lib/net.js). */
interface SocketIntoMemory extends SocketConstructorOpts {
  readonly onread: {
    /** Asked when the callback has returned; what it gives is filled whenever data comes, also after a pause. */
    readonly buffer: () => Uint8Array
    /** Gets the memory that was filled. Returning false stops reading. */
    readonly callback: (bytes: number, view: Uint8Array) => boolean
  }
}

interface Feed {
  readonly intake: CopyOutIntake
  /** The copy was given up: do not wait for room in the ring. */
  readonly isStopped: () => boolean
  /** The stream is out of step and of no more use. */
  readonly broken: (error: CopyError) => void
}

/**
 * A socket whose bytes the kernel reads straight into the ring. pg gets it instead of its own and listens for 'data',
 * which such a socket does not emit: `deliver` does.
 */
export const socketIntoRing = (feed: Feed): Socket => {
  const options: SocketIntoMemory = {
    onread: {
      buffer: () => feed.intake.memory(),
      callback: (bytes, view) =>
        guarded(feed, () => feed.intake.landed(view, bytes)) || pausing(feed, socket),
    },
  }
  const socket = new Socket(options)
  return socket
}

/**
 * Steps between a stream and pg's parser, which listens on it: for TLS, which ignores `onread`.
 * @returns what to give the parser's bytes to
 */
export const intercept = (stream: Duplex, feed: Feed): ((bytes: Buffer) => void) => {
  const parsers = stream.listeners('data') as ((bytes: Buffer) => void)[]
  stream.removeAllListeners('data')
  stream.on('data', (chunk: Buffer) => {
    if (guarded(feed, () => feed.intake.chunk(chunk))) return
    stream.pause()
    pausing(feed, stream)
  })
  return (bytes) => {
    for (const parser of parsers) parser.call(stream, bytes)
  }
}

/** Both the intake and pg's parser throw on what the protocol does not allow. */
const guarded = (feed: Feed, take: () => boolean): boolean => {
  try {
    return take()
  } catch (error) {
    feed.broken(asProtocolError(error))
    return true
  }
}

/** The ring is full: no more reads until it has room again. @returns false, which stops a socket with `onread` */
const pausing = (feed: Feed, stream: Duplex): false => {
  const wait = async (): Promise<void> => {
    while (!feed.isStopped() && !(await feed.intake.resume(feed.isStopped)));
    if (!stream.destroyed) stream.resume()
  }
  wait().catch((error) => feed.broken(asProtocolError(error)))
  return false
}

const asProtocolError = (error: unknown): CopyError =>
  error instanceof CopyError
    ? error
    : new CopyError('COPY_PROTOCOL', (error as Error).message, { phase: 'copy', cause: error })
