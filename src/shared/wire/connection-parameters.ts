import type { AuthPolicy, TlsPolicy } from './tls-policy.js'

/**
 * How to reach a server, as plain data: made once on the main thread from what the user gave, then posted to a worker.
 * It may hold secrets, so it is never attached to an error and never kept in an enumerable property.
 */
export interface ConnectionParameters {
  /** The server's name or address, which its certificate must bear; or the directory of its Unix socket. */
  readonly host: string
  /** Where to connect instead of looking up `host`. */
  readonly address?: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: string
  /** What the password file came to, for the text of a refusal: never a secret. */
  readonly passwordNote?: string
  /** How long connecting may take at most, in milliseconds. */
  readonly connectMs?: number
  /** Plain unless given. */
  readonly tls?: TlsPolicy
  readonly auth?: AuthPolicy
  readonly applicationName: string
  /** Command-line options for the backend, libpq's `options`. */
  readonly options?: string
}

/** A peer that is gone without a word is noticed by TCP keepalive: the first probe after this long without traffic. */
export const KEEPALIVE_MS = 10_000

/** Names the server, for error texts: never the password. */
export const describeServer = (data: ConnectionParameters): string =>
  isUnixSocket(data) ? `${data.host}/.s.PGSQL.${data.port}` : `${data.host}:${data.port}`

/** Whether it is reached by a Unix socket, where libpq never encrypts. */
export const isUnixSocket = ({ host }: Pick<ConnectionParameters, 'host'>): boolean => host.startsWith('/')
