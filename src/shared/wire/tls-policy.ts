import type { ConnectionOptions } from 'node:tls'

/** How connections to a server are encrypted, and how its certificate is checked. */
export interface TlsPolicy {
  /** The user's option, for error texts: `sslmode=require` or `ssl`. */
  readonly asked: string
  /** Attempts in this order: the next follows when the server refuses the one before. */
  readonly attempts: readonly ('tls' | 'plain')[]
  /** `authority`: the signature of the certificate; `name`: the signature and the host name; `as-given`: as in `options`. */
  readonly check: 'nothing' | 'authority' | 'name' | 'as-given'
  /** Certificates, key and versions. */
  readonly options: ConnectionOptions
  /** Whether the host's name is sent unencrypted (SNI), so that a proxy can route by it. */
  readonly sni: boolean
  /** `direct` begins TLS at once (PostgreSQL 17 and later), `postgres` sends SSLRequest first. */
  readonly negotiation: 'postgres' | 'direct'
}

/** Which kinds of authentication the server may request. */
export interface AuthPolicy {
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  /** Default: any. */
  readonly methods?: readonly AuthMethod[]
}

/** Values of libpq's `require_auth`; `none`: the server requests no authentication. */
export type AuthMethod = 'none' | 'password' | 'md5' | 'scram-sha-256'
