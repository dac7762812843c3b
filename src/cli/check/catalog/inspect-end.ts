import type pg from 'pg'
import { type Connector, CopyError, type ServerAddress } from '../../../index.js'
import { BoundedConnection, type Bounds } from '../../sql/bounded-connection.js'
import { adviceOn } from '../../text/advice.js'
import { messageOf } from '../../text/message-of.js'
import type { ServerFacts } from './facts.js'
import { error, type Finding } from './finding.js'
import { inspectServer } from './inspect-server.js'
import { recognisePooler } from './pooler.js'

/** A session that holds a lock on the table must not delay the check for longer. */
const LOCK_MS = 1000

/** SQLSTATE too_many_connections: of the server, the database or the role. */
const TOO_MANY_CONNECTIONS = '53300'

/**
 * The facts of one server. Its connection stays open until `close`: several ends can be on one server, which must accept
 * all their connections at the same time.
 */
export interface InspectedEnd<T> {
  readonly address: ServerAddress | undefined
  readonly server: ServerFacts | undefined
  readonly found: T | undefined
  /** The reason why there are no facts. */
  readonly failure: Finding | undefined
  close(): Promise<void>
}

/**
 * Connects to one server and reads its facts, in a transaction that changes nothing. An error of the server or of the
 * network is a finding.
 * @param look reads further facts, in that transaction
 * @throws CopyError COPY_OPTION; the signal's reason
 */
export const inspectEnd = async <T>(
  connector: Connector,
  bounds: Bounds,
  look: (client: pg.Client, server: ServerFacts) => Promise<T>,
): Promise<InspectedEnd<T>> => {
  const connection = new BoundedConnection(connector, bounds)
  const close = (): Promise<void> => connection.close()
  let address: ServerAddress | undefined
  let server: ServerFacts | undefined
  try {
    address = await connector.address()
    const client = await connection.open()
    const pooler = await recognisePooler(client, () => connection.connect())
    await client.query('BEGIN READ ONLY')
    await client.query(
      `SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = ${LOCK_MS}; SET LOCAL row_security = off`,
    )
    server = { ...(await inspectServer(client)), pooler }
    const found = await look(client, server)
    await client.query('ROLLBACK')
    return { address, server, found, failure: undefined, close }
  } catch (thrown) {
    connection.destroy()
    if (thrown instanceof CopyError && thrown.code === 'COPY_OPTION') throw thrown
    if (bounds.signal?.aborted) throw bounds.signal.reason
    const failure = connection.isLate
      ? late(address, bounds.deadlineMs)
      : failed(thrown, connection.isConnected)
    return { address, server, found: undefined, failure, close }
  } finally {
    connection.unbind()
  }
}

const late = (address: ServerAddress | undefined, deadlineMs: number): Finding =>
  error('unreachable', `${address?.server ?? 'the server'} did not answer within ${deadlineMs / 1000} s`)

const failed = (thrown: unknown, isConnected: boolean): Finding => {
  const message = messageOf(thrown)
  if (isConnected) return error('check', `the check failed: ${message}`)
  const isFull = thrown instanceof CopyError && thrown.sqlState === TOO_MANY_CONNECTIONS
  const advice = thrown instanceof CopyError ? adviceOn(thrown) : undefined
  const sqlState = thrown instanceof CopyError && thrown.sqlState ? ` (SQLSTATE ${thrown.sqlState})` : ''
  return error(
    isFull ? 'connections' : 'unreachable',
    `${message}${sqlState}${advice === undefined ? '' : `; ${advice}`}`,
  )
}
