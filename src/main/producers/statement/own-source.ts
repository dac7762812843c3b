import { Socket, type SocketConstructorOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { CopyError } from '../../../shared/errors/errors.js'
import type { Examined } from '../../../shared/liveness/slowness.js'
import { examineBackend } from '../../../shared/session/backend-activity.js'
import { Session } from '../../../shared/session/session.js'
import {
  beginTransaction,
  checkSettings,
  type SessionSettings,
} from '../../../shared/session/session-settings.js'
import { startedTooLate, withinLimit } from '../../../shared/session/step-deadlines.js'
import type { ConnectionData } from '../../../shared/wire/connection-parameters.js'
import { type CheckedConnection, type ConnectionInput, checkConnection } from '../../conninfo/conninfo.js'
import type { ProducerContext } from '../producer.js'
import type { CopyOutIntake } from './copy-out-intake.js'
import { ReadPace } from './read-coalescer.js'

/** Node's `onread`, which its types know for `connect` only; the constructor takes it too (nodejs/node lib/net.js). */
interface SocketIntoMemory extends SocketConstructorOpts {
  readonly onread: {
    /** Asked when the callback has returned; what it gives is filled whenever data comes, also after a pause. */
    readonly buffer: () => Uint8Array
    /** Gets the memory that was filled. Returning false stops reading. */
    readonly callback: (bytes: number, view: Uint8Array) => boolean
  }
}

/** What a statement needs of the connection it runs on, ours or a user's. */
export type StatementSession = Pick<Session, 'client' | 'socket' | 'server' | 'copy' | 'fault' | 'destroy'>

/** What the COPY OUT runs on. */
export interface Source {
  readonly canRepeat: boolean
  open(context: ProducerContext): Promise<void>
  /** Lets the connection's bytes go to `feed` for one pass; `deliverTo` is told who parses what is not CopyData. */
  begin(feed: Feed, deliverTo: (deliver: Deliver) => void): Promise<StatementSession>
  /** The pass is over: the connection stands between two messages, or is closed. */
  passed?(): void
  close(deadlineMs: number): Promise<void>
  /** As Producer.examine. */
  examine?(): Promise<Examined | 'gone' | undefined>
  /** The copy was given up: ends a connect that is under way. */
  stop?(): void
}

/** Takes bytes for pg's own parser. */
export type Deliver = (bytes: Buffer) => void

/** Where a socket's bytes go. */
export interface Feed {
  readonly intake: CopyOutIntake
  /** The copy was given up: do not wait for room in the ring. */
  readonly isStopped: () => boolean
  /** The connection is made: what follows is for it to begin the COPY. */
  readonly connected: () => void
  /** The stream is out of step and of no more use. */
  readonly broken: (error: CopyError) => void
}

/**
 * A socket whose bytes the kernel reads straight into the ring. pg gets it instead of its own and listens for 'data',
 * which such a socket does not emit: `deliver` does.
 */
const socketIntoRing = (feed: Feed): Socket => {
  const pace = new ReadPace()
  const options: SocketIntoMemory = {
    onread: {
      buffer: () => feed.intake.memory(),
      callback: (bytes, view) => {
        if (!guarded(feed, () => feed.intake.landed(view, bytes))) return pausing(feed, socket)
        const restMs = pace.restAfter(bytes, view.byteLength, performance.now())
        if (restMs > 0) setTimeout(() => socket.resume(), restMs)
        return restMs === 0
      },
    },
  }
  const socket = new Socket(options)
  return socket
}

/** A stream whose bytes pass by the intake before they reach whoever listened on it. */
export interface Interception {
  /** What to give the parser's bytes to. */
  readonly deliver: Deliver
  /** Puts the listeners back as they were. Only between two messages: what the intake holds would be lost. */
  undo(): void
}

/** Steps between a stream and pg's parser, which listens on it: for TLS, which ignores `onread`, and users' clients. */
export const intercept = (stream: Duplex, feed: Feed): Interception => {
  // raw, so that what listens once is put back as such
  const listeners = stream.rawListeners('data') as ((bytes: Buffer) => void)[]
  const take = (chunk: Buffer): void => {
    if (guarded(feed, () => feed.intake.chunk(chunk))) return
    stream.pause()
    pausing(feed, stream)
  }
  stream.removeAllListeners('data')
  stream.on('data', take)
  return {
    deliver(bytes) {
      for (const listener of listeners) listener.call(stream, bytes)
    },
    undo() {
      stream.off('data', take)
      for (const listener of listeners) stream.on('data', listener)
    },
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

export interface OwnSourceOptions {
  /** Where the source is: a URL, a libpq keyword string, or a pg.ClientConfig. */
  readonly connection: ConnectionInput
  /** Server settings on this connection; they win over those of the copy. */
  readonly session?: SessionSettings
}

/** A connection of ours, in a transaction of its own. */
export class OwnSource implements Source {
  readonly canRepeat = true
  readonly #settings: SessionSettings
  readonly #connection: CheckedConnection
  #data: ConnectionData | undefined
  #context: ProducerContext | undefined
  #session: Session | undefined
  #isBegun = false
  readonly #stop = new AbortController()

  constructor(options: OwnSourceOptions) {
    this.#settings = checkSettings(options.session, 'from.session')
    this.#connection = checkConnection(options.connection, 'from.connection')
  }

  async open(context: ProducerContext): Promise<void> {
    this.#context = context
    this.#data = await this.#connection.resolve()
  }

  async begin(feed: Feed, deliverTo: (deliver: Deliver) => void): Promise<Session> {
    if (this.#session !== undefined) {
      feed.connected()
      return this.#session
    }
    const data = this.#data as ConnectionData
    const context = this.#context as ProducerContext
    const makeSocket = (): Socket => {
      const socket = socketIntoRing(feed)
      deliverTo((bytes) => socket.emit('data', bytes))
      return socket
    }
    const session = await Session.open(data, {
      connectMs: context.connectMs,
      signal: this.#stop.signal,
      makeSocket,
    })
    this.#session = session
    if (session.isEncrypted) deliverTo(intercept(session.socket, feed).deliver)
    session.onServerEvent(context.event)
    feed.connected()
    const { startMs } = context
    await withinLimit(this.#beginTransaction(session), startMs, () => startedTooLate(session.server, startMs))
    this.#isBegun = true
    return session
  }

  /** A connection that is still on its way has nothing to align. */
  stop(): void {
    this.#stop.abort()
    if (!this.#isBegun) this.#session?.destroy()
  }

  async close(deadlineMs: number): Promise<void> {
    this.#stop.abort()
    await this.#session?.end(deadlineMs)
  }

  async examine(): Promise<Examined | 'gone' | undefined> {
    const session = this.#session
    if (session === undefined) return undefined
    const { connectMs } = this.#context as ProducerContext
    const data = this.#data as ConnectionData
    return examineBackend(session, data, { connectMs, signal: this.#stop.signal })
  }

  async #beginTransaction(session: Session): Promise<void> {
    const { session: settings } = this.#context as ProducerContext
    const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
    await beginTransaction(session, begin, { ...settings, ...this.#settings })
  }
}
