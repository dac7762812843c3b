import type pg from 'pg'
import { type Connector, CopyError, type ServerAddress } from '../../../index.js'
import { adviceOn } from '../../text/advice.js'
import type { ServerFacts } from './facts.js'
import { error, type Finding } from './finding.js'
import { inspectServer } from './inspect-server.js'
import { recognisePooler } from './pooler.js'

/** Somebody who holds a lock on what is looked at must not hold the check. */
const LOCK_MS = 1000

/** Too many connections: of the server, the database or the role. */
const TOO_MANY_CONNECTIONS = '53300'

export interface EndOptions {
  /** For all that is asked of one server, connecting included. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

/** One server that was looked at. Its connection stays open until `close`, so that all are known to fit at once. */
export interface InspectedEnd<T> {
  readonly address: ServerAddress | undefined
  readonly server: ServerFacts | undefined
  readonly found: T | undefined
  /** What kept it from being looked at. */
  readonly failure: Finding | undefined
  close(): Promise<void>
}

/**
 * Connects to one server and looks at it, in a transaction that changes nothing. Never rejects for what a server does or
 * fails to do: that is a finding.
 * @param look asks for more, in that transaction
 */
export const inspectEnd = async <T>(
  connector: Connector,
  { deadlineMs, signal }: EndOptions,
  look: (client: pg.Client, server: ServerFacts, address: ServerAddress) => Promise<T>,
): Promise<InspectedEnd<T>> => {
  let address: ServerAddress | undefined
  let server: ServerFacts | undefined
  let client: pg.Client | undefined
  let isLate = false
  const stop = new AbortController()
  const connect = (): Promise<pg.Client> => connector.connect({ connectMs: 0, signal: stop.signal })
  const destroy = (): void => {
    stop.abort()
    client?.connection.stream.destroy()
  }
  const timer = setTimeout(() => {
    isLate = true
    destroy()
  }, deadlineMs)
  signal?.addEventListener('abort', destroy)
  const close = async (): Promise<void> => {
    if (client === undefined) return
    const open = client
    const closed = new Promise<void>((resolve) => open.once('end', () => resolve()))
    if (open.connection.stream.destroyed) return
    const giveUp = setTimeout(() => open.connection.stream.destroy(), LOCK_MS)
    open.end().catch(() => undefined)
    await closed
    clearTimeout(giveUp)
  }
  try {
    signal?.throwIfAborted()
    address = await connector.address()
    client = await connect()
    const pooler = await recognisePooler(client, connect)
    await client.query('BEGIN READ ONLY')
    await client.query(`SET LOCAL lock_timeout = ${LOCK_MS}; SET LOCAL row_security = off`)
    server = { ...(await inspectServer(client)), pooler }
    const found = await look(client, server, address)
    await client.query('ROLLBACK')
    return { address, server, found, failure: undefined, close }
  } catch (thrown) {
    if (thrown instanceof CopyError && thrown.code === 'COPY_OPTION') throw thrown
    if (signal?.aborted) throw signal.reason
    const failure = isLate ? late(address, deadlineMs) : failed(thrown, client !== undefined)
    destroy()
    return { address, server, found: undefined, failure, close }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', destroy)
  }
}

const late = (address: ServerAddress | undefined, deadlineMs: number): Finding =>
  error('unreachable', `${address?.server ?? 'the server'} did not answer within ${deadlineMs / 1000} s`)

const failed = (thrown: unknown, isConnected: boolean): Finding => {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (isConnected) return error('check', `the check failed: ${message}`)
  const isFull = thrown instanceof CopyError && thrown.sqlState === TOO_MANY_CONNECTIONS
  const advice = thrown instanceof CopyError ? adviceOn(thrown) : undefined
  const sqlState = thrown instanceof CopyError && thrown.sqlState ? ` (SQLSTATE ${thrown.sqlState})` : ''
  return error(
    isFull ? 'connections' : 'unreachable',
    `${message}${sqlState}${advice === undefined ? '' : `; ${advice}`}`,
  )
}
