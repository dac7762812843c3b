import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '../../scripts/postgres/connection.js'
import { type Listener, listen } from './listener.js'
import { type ClientMessage, ScriptedSession } from './scripted-session.js'

const CLOSED_MS = 10_000

type Answer = readonly Uint8Array[]

/**
 * The answer to a message. `usual()` does what a server does and returns the server's answer: without that call a COMMIT
 * commits nothing. An empty answer is silence; `session.cut()` ends the connection; a promise keeps back all later
 * answers on this connection.
 */
export type Script = (
  got: ClientMessage,
  usual: () => Answer,
  session: ScriptedSession,
) => Answer | Promise<Answer>

/** The place of a cut: after the first `bytes` bytes that the server received, or sent. */
export interface Cut {
  readonly after: 'received' | 'sent'
  readonly bytes: number
  /** With a FIN, or with a RST. */
  readonly how: 'end' | 'reset'
}

export interface ScriptedServerOptions {
  /** The rows of `COPY … TO STDOUT`: one CopyData each. */
  readonly rows?: readonly Uint8Array[]
  /** The number in the tag of that COPY. Default: the number of rows. */
  readonly count?: number
  readonly script?: Script
  /** Cuts the first connection. */
  readonly cut?: Cut
}

/** One committed COPY FROM. */
export interface Load {
  readonly statement: string
  readonly payload: Buffer
  readonly rows: number
}

/**
 * A PostgreSQL server of a few lines, in the test's own process. The server trusts every client, has transactions, sends
 * the same rows to every COPY TO and keeps the payload of every COPY FROM. A script changes any answer, also to one that
 * a real server never sends.
 */
export class ScriptedServer {
  readonly connection: Connection
  /** In the order in which they came; with cancel requests and closed connections. */
  readonly sessions: ScriptedSession[] = []
  /** Each COPY FROM that is committed. */
  readonly loads: Load[] = []
  /** The identifier of this server's cluster. */
  readonly cluster: string
  /** The status of each transaction that has an id, by that id. */
  readonly transactions = new Map<string, 'in progress' | 'committed' | 'aborted'>()
  readonly options: ScriptedServerOptions
  readonly #listener: Listener

  private constructor(listener: Listener, options: ScriptedServerOptions) {
    this.#listener = listener
    this.options = options
    const { port } = listener
    this.cluster = `scripted ${port}`
    this.connection = { host: '127.0.0.1', port, user: 'scripted', database: 'scripted' }
  }

  static async start(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
    const listener = await listen(
      (client, number) => {
        server.sessions.push(new ScriptedSession(server, number, client, listener.fail))
      },
      { allowHalfOpen: true },
    )
    const server = new ScriptedServer(listener, options)
    return server
  }

  /** Committed rows. */
  get rows(): number {
    return this.loads.reduce((sum, load) => sum + load.rows, 0)
  }

  /** The first connection that is no cancel request. */
  get first(): ScriptedSession {
    const found = this.sessions.find(({ isCancel }) => !isCancel)
    assert.ok(found !== undefined, 'nobody has connected')
    return found
  }

  /** Fails where a client has a connection open after ten seconds. */
  async assertNoConnections(): Promise<void> {
    const until = performance.now() + CLOSED_MS
    for (;;) {
      const open = this.sessions.filter(({ isClosed }) => !isClosed)
      if (open.length === 0) return
      assert.ok(performance.now() < until, `left open: ${open.map(({ trace }) => trace).join('; ')}`)
      await sleep(5)
    }
  }

  async close(): Promise<void> {
    for (const session of this.sessions) session.cut('reset')
    await this.#listener.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
