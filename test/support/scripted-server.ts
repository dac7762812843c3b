import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as Listener } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../../scripts/postgres/connection.js'
import { type ClientMessage, ScriptedSession } from './scripted-session.js'

const LET_GO_MS = 10_000

type Answer = readonly Uint8Array[]

/**
 * What to answer to a message. `byItself()` gives what a server would answer, and does it: without that call a COMMIT
 * commits nothing. An empty answer is silence; `session.cut()` ends the connection; a promise holds back all that
 * follows on this connection.
 */
export type Script = (
  got: ClientMessage,
  byItself: () => Answer,
  session: ScriptedSession,
) => Answer | Promise<Answer>

/** Where a connection is to be cut: behind so many bytes that the server received, or sent. */
export interface Cut {
  readonly after: 'received' | 'sent'
  readonly bytes: number
  /** With a FIN, or with a RST. */
  readonly how: 'end' | 'reset'
}

export interface ScriptedServerOptions {
  /** What `COPY … TO STDOUT` gives: a CopyData each. */
  readonly rows?: readonly Uint8Array[]
  /** What the tag of that COPY says; as many as there are rows unless given. */
  readonly count?: number
  readonly script?: Script
  /** Cuts the first connection. */
  readonly cut?: Cut
}

/** One COPY FROM that was committed. */
export interface Load {
  readonly statement: string
  readonly payload: Buffer
  readonly rows: number
}

/**
 * A PostgreSQL server of a few lines, in the test's own process: it trusts everybody, has transactions, gives the same
 * rows to every COPY TO and keeps what COPY FROM brought. What a real server cannot be made to say, a script can.
 */
export class ScriptedServer {
  readonly connection: Connection
  /** In the order they came, cancel requests and those that are over included. */
  readonly sessions: ScriptedSession[] = []
  /** What became visible: COPY FROM whose COMMIT was done. */
  readonly loads: Load[] = []
  /** What tells it from other servers. */
  readonly cluster: string
  /** What became of transactions that had an id, by that id. */
  readonly transactions = new Map<string, 'in progress' | 'committed' | 'aborted'>()
  readonly options: ScriptedServerOptions
  readonly #listener: Listener

  private constructor(listener: Listener, options: ScriptedServerOptions) {
    this.#listener = listener
    this.options = options
    const { port } = listener.address() as AddressInfo
    this.cluster = `scripted ${port}`
    this.connection = { host: '127.0.0.1', port, user: 'scripted', database: 'scripted' }
    listener.on('connection', (socket) => {
      this.sessions.push(new ScriptedSession(this, this.sessions.length, socket))
    })
  }

  static async start(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
    const listener = createServer({ noDelay: true, allowHalfOpen: true })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    return new ScriptedServer(listener, options)
  }

  /** Rows that became visible. */
  get rows(): number {
    return this.loads.reduce((sum, load) => sum + load.rows, 0)
  }

  /** The connection that did the work: the first one that is no cancel request. */
  get first(): ScriptedSession {
    const found = this.sessions.find(({ isCancel }) => !isCancel)
    assert.ok(found !== undefined, 'nobody has connected')
    return found
  }

  /** Fails unless all clients have closed their connections within a few seconds. */
  async assertNoConnections(): Promise<void> {
    const until = performance.now() + LET_GO_MS
    for (;;) {
      const open = this.sessions.filter(({ isClosed }) => !isClosed)
      if (open.length === 0) return
      assert.ok(performance.now() < until, `left open: ${open.map(({ trace }) => trace).join('; ')}`)
      await sleep(5)
    }
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.cut('reset')
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
