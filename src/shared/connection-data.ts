import type { ConnectionOptions } from 'node:tls'

/**
 * How to reach a server, as plain data: made once on the main thread from what the user gave, then posted to a worker.
 * It may hold a password, so it is never attached to an error and never kept in an enumerable property.
 */
export interface ConnectionData {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: string
  readonly ssl?: boolean | ConnectionOptions
  readonly sslNegotiation?: 'postgres' | 'direct'
  readonly applicationName: string
  /** Command-line options for the backend, libpq's `options`. */
  readonly options?: string
}

/** Names the server, for error texts: never the password. */
export const describeServer = (data: ConnectionData): string =>
  data.host.startsWith('/') ? `${data.host}/.s.PGSQL.${data.port}` : `${data.host}:${data.port}`
