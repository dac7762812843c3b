import type { ConnectionOptions } from 'node:tls'

/** How connections to a server are encrypted, and what its certificate must be. */
export interface TlsPolicy {
  /** How the user asked for it, for error texts: `sslmode=require` or `ssl`. */
  readonly asked: string
  /** Tried in this order: the next when the server refuses the one before. */
  readonly attempts: readonly ('tls' | 'plain')[]
  /** `authority`: who signed the certificate; `name`: that, and that it is this host's; `as-given`: what `options` say. */
  readonly check: 'nothing' | 'authority' | 'name' | 'as-given'
  /** Certificates, key and versions. */
  readonly options: ConnectionOptions
  /** Whether the host's name is sent in clear, so that a proxy may choose by it. */
  readonly sni: boolean
  /** `direct` begins TLS at once (PostgreSQL 17 and later), `postgres` asks for it first. */
  readonly negotiation: 'postgres' | 'direct'
}

/** What the server may ask of us. */
export interface AuthPolicy {
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  /** Any unless given. */
  readonly methods?: readonly AuthMethod[]
}

/** libpq's words for `require_auth`; `none`: the server asks for nothing. */
export type AuthMethod = 'none' | 'password' | 'md5' | 'scram-sha-256'
