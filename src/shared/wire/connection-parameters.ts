import type { AuthPolicy, TlsPolicy } from './tls-policy.js'

/**
 * How to reach a server, as plain data: made once on the main thread from the user's input, then posted to a worker.
 * The data may hold secrets, so it is never attached to an error and never kept in an enumerable property.
 */
export interface ConnectionParameters {
  /** The server's name or address, which its certificate must contain; or the directory of its Unix socket. */
  readonly host: string
  /** The IP address to connect to, instead of looking up `host`. */
  readonly address?: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: string
  /** Which password file was used, or why none was, for the text of an error: never a secret. */
  readonly passwordNote?: string
  /** How long connecting may take at most, in milliseconds. */
  readonly connectMs?: number
  /** Default: not encrypted. */
  readonly tls?: TlsPolicy
  readonly auth?: AuthPolicy
  readonly applicationName: string
  /** Command-line options for the backend, libpq's `options`. */
  readonly options?: string
}

/** TCP keepalive detects a peer that is gone silently: the first probe is sent after this long without traffic. */
export const KEEPALIVE_MS = 10_000

/** Names the server, for error texts, without the password. */
export const describeServer = (data: ConnectionParameters): string =>
  isUnixSocket(data) ? `${data.host}/.s.PGSQL.${data.port}` : `${data.host}:${data.port}`

/** Whether the server is reached by a Unix socket, where libpq never encrypts. */
export const isUnixSocket = ({ host }: Pick<ConnectionParameters, 'host'>): boolean => host.startsWith('/')
