import { Socket, type SocketConstructorOpts } from 'node:net'
import { withDeadline } from '../../../shared/async/deadline.js'
import type { WaitDiagnosis } from '../../../shared/liveness/slowness.js'
import { readBackendActivity } from '../../../shared/session/backend-activity.js'
import { Session } from '../../../shared/session/session.js'
import {
  beginTransaction,
  checkSettings,
  type SessionSettings,
} from '../../../shared/session/session-settings.js'
import { startTimeout } from '../../../shared/session/step-deadlines.js'
import type { ConnectionParameters } from '../../../shared/wire/connection-parameters.js'
import { type CheckedConnection, type ConnectionInput, checkConnection } from '../../conninfo/conninfo.js'
import type { ProducerContext } from '../producer.js'
import { guarded, intercept, pausing } from './intercept.js'
import { ReadCoalescer } from './read-coalescer.js'
import type { Feed, Source } from './source.js'

/** Node's `onread`: its types have it for `connect` only, but the constructor takes it too (nodejs/node lib/net.js). */
interface SocketIntoMemory extends SocketConstructorOpts {
  readonly onread: {
    /** Called when the callback has returned; Node fills the result whenever data comes, also after a pause. */
    readonly buffer: () => Uint8Array
    /** Gets the memory that Node filled. Returning false stops reading. */
    readonly callback: (bytes: number, view: Uint8Array) => boolean
  }
}

/**
 * A socket whose bytes the kernel reads straight into the ring. pg gets this socket instead of its own and listens for
 * 'data'. A socket with `onread` never emits 'data': the intake's `passThrough` does.
 */
const socketIntoRing = (feed: Feed): Socket => {
  const coalescer = new ReadCoalescer()
  const options: SocketIntoMemory = {
    onread: {
      buffer: () => feed.intake.memory(),
      callback: (bytes, view) => {
        if (!guarded(feed, () => feed.intake.landed(view, bytes))) return pausing(feed, socket)
        const pauseMs = coalescer.pauseBeforeNextRead(bytes, view.byteLength, performance.now())
        if (pauseMs > 0) setTimeout(() => socket.resume(), pauseMs)
        return pauseMs === 0
      },
    },
  }
  const socket = new Socket(options)
  return socket
}

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
  #data: ConnectionParameters | undefined
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

  async begin(feed: Feed): Promise<Session> {
    if (this.#session !== undefined) {
      feed.connected()
      return this.#session
    }
    const data = this.#data as ConnectionParameters
    const context = this.#context as ProducerContext
    const makeSocket = (): Socket => {
      const socket = socketIntoRing(feed)
      feed.intake.passThrough = (bytes) => socket.emit('data', bytes)
      return socket
    }
    const session = await Session.open(data, {
      connectMs: context.connectMs,
      signal: this.#stop.signal,
      makeSocket,
    })
    this.#session = session
    if (session.isEncrypted) feed.intake.passThrough = intercept(session.socket, feed).passThrough
    session.onServerEvent(context.event)
    feed.connected()
    const { startMs } = context
    await withDeadline(this.#beginTransaction(session), startMs, () => startTimeout(session.server, startMs))
    this.#isBegun = true
    return session
  }

  /** Destroys a connection that has not begun its transaction: it has nothing to align. */
  cancel(): void {
    this.#stop.abort()
    if (!this.#isBegun) this.#session?.destroy()
  }

  async close(deadlineMs: number): Promise<void> {
    this.#stop.abort()
    await this.#session?.close(deadlineMs)
  }

  async diagnose(): Promise<WaitDiagnosis | 'gone' | undefined> {
    const session = this.#session
    if (session === undefined) return undefined
    const { connectMs } = this.#context as ProducerContext
    const data = this.#data as ConnectionParameters
    return readBackendActivity(session, data, { connectMs, signal: this.#stop.signal })
  }

  async #beginTransaction(session: Session): Promise<void> {
    const { session: settings } = this.#context as ProducerContext
    const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
    await beginTransaction(session, begin, { ...settings, ...this.#settings })
  }
}
