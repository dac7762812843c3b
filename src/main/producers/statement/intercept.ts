import type { Duplex } from 'node:stream'
import { CopyError } from '../../../shared/errors/errors.js'
import type { PassThrough } from './copy-out-intake.js'
import type { Feed } from './source.js'

/** A stream whose bytes go to the intake before they reach its listeners. */
export interface Interception {
  /** Gives bytes to the listeners. */
  readonly passThrough: PassThrough
  /** Puts the listeners back as they were. Only between two messages: bytes that the intake holds would be lost. */
  undo(): void
}

/** Gets a stream's bytes before pg's parser, which listens on it: for TLS, which ignores `onread`, and users' clients. */
export const intercept = (stream: Duplex, feed: Feed): Interception => {
  // raw listeners, so that `undo` puts a listener added by `once` back as such
  const listeners = stream.rawListeners('data') as ((bytes: Buffer) => void)[]
  const take = (chunk: Buffer): void => {
    if (guarded(feed, () => feed.intake.chunk(chunk))) return
    stream.pause()
    pausing(feed, stream)
  }
  stream.removeAllListeners('data')
  stream.on('data', take)
  return {
    passThrough(bytes) {
      for (const listener of listeners) listener.call(stream, bytes)
    },
    undo() {
      stream.off('data', take)
      for (const listener of listeners) stream.on('data', listener)
    },
  }
}

/** Runs `take`; both the intake and pg's parser throw on bytes that the protocol does not allow. */
export const guarded = (feed: Feed, take: () => boolean): boolean => {
  try {
    return take()
  } catch (error) {
    feed.broken(asProtocolError(error))
    return true
  }
}

/** The ring is full: no more reads until it has room again. @returns false, which stops a socket with `onread` */
export const pausing = (feed: Feed, stream: Duplex): false => {
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
