import type { ConnectionOptions } from 'node:tls'
import { CopyError } from '../../shared/errors/errors.js'
import { type ConnectionParameters, isUnixSocket } from '../../shared/wire/connection-parameters.js'
import type { AuthMethod, AuthPolicy, TlsPolicy } from '../../shared/wire/tls-policy.js'
import { tlsAsGiven } from '../../shared/wire/tls-upgrade.js'
import { readTlsFiles } from './tls-files.js'
import {
  type GivenParameters,
  readTlsParameters,
  TLS_PARAMETERS,
  type TlsParameter,
} from './tls-parameters.js'

/** What a connection without any word gets: what pg does. libpq's own is `prefer`. */
const DEFAULT_MODE = 'disable'

const ATTEMPTS: Readonly<Record<string, TlsPolicy['attempts']>> = {
  disable: ['plain'],
  allow: ['plain', 'tls'],
  prefer: ['tls', 'plain'],
}
const TLS_ONLY = ['tls'] as const

/** Words that go with `ssl` as well. */
const BESIDE_SSL: readonly TlsParameter[] = [
  'sslnegotiation',
  'channel_binding',
  'require_auth',
  'gssencmode',
  'sslcompression',
]

/** Where a connection goes, and what its user gave, words included. */
export interface GivenConnection {
  readonly host: string
  /** pg's own option. */
  readonly ssl?: unknown
}

/**
 * Makes plain data of what a user asked for by libpq's words or by pg's `ssl`; docs/connections.md has the table.
 * @throws CopyError COPY_OPTION for what contradicts itself, cannot be done, or would be less safe than it looks
 */
export const connectionTls = (
  connection: GivenConnection,
  option: string,
): Pick<ConnectionParameters, 'tls' | 'auth'> => {
  const { given, all } = readTlsParameters(connection as unknown as Record<string, unknown>, option)
  const ssl = asPgReads(connection.ssl, option)
  const tls = ssl === undefined ? byWords(given, all, connection, option) : byPg(ssl, given, option)
  return { ...(tls && { tls }), auth: authentication(all, option) }
}

const byPg = (
  ssl: boolean | ConnectionOptions,
  given: GivenParameters,
  option: string,
): TlsPolicy | undefined => {
  const other = TLS_PARAMETERS.find((word) => given[word] !== undefined && !BESIDE_SSL.includes(word))
  if (other !== undefined) throw wrong(option, `ssl and ${other} are both given; use one or the other`)
  const negotiation = negotiationOf(given)
  if (ssl !== false) return tlsAsGiven(ssl, negotiation)
  if (negotiation === 'direct') throw wrong(option, 'sslnegotiation=direct does not go with ssl: false')
  return undefined
}

const byWords = (
  given: GivenParameters,
  all: GivenParameters,
  { host }: GivenConnection,
  option: string,
): TlsPolicy | undefined => {
  const isSystem = all.sslrootcert?.value === 'system'
  const mode = all.sslmode?.value ?? (isSystem ? 'verify-full' : undefined)
  if (mode === undefined) refuseWithoutMode(given, option)
  const asked = `sslmode=${mode ?? DEFAULT_MODE}`
  if (isSystem && mode !== 'verify-full') {
    throw wrong(
      option,
      `${asked} does not go with sslrootcert=system, whose authorities sign for anybody: use verify-full`,
    )
  }
  const attempts = ATTEMPTS[mode ?? DEFAULT_MODE] ?? TLS_ONLY
  const negotiation = negotiationOf(all)
  if (negotiation === 'direct' && attempts !== TLS_ONLY) {
    throw wrong(
      option,
      `${asked} does not go with sslnegotiation=direct: use require, verify-ca or verify-full`,
    )
  }
  if (!attempts.includes('tls') || isUnixSocket({ host })) return undefined
  const { options, hasAuthorities } = readTlsFiles(all, option)
  if (mode?.startsWith('verify-') && !hasAuthorities) {
    throw wrong(
      option,
      `${asked} needs the certificate of an authority: sslrootcert names its file, or is system; usual is ~/.postgresql/root.crt`,
    )
  }
  return {
    asked,
    attempts,
    check: mode === 'verify-full' ? 'name' : hasAuthorities ? 'authority' : 'nothing',
    options: { ...options, ...versions(all, option) },
    sni: all.sslsni?.value !== '0',
    negotiation,
  }
}

/** Whoever names a certificate means it to count: libpq would go on in plain. */
const refuseWithoutMode = (given: GivenParameters, option: string): void => {
  const isLost = (word: TlsParameter): boolean => word.startsWith('ssl') && word !== 'sslcompression'
  const lone = TLS_PARAMETERS.find((word) => isLost(word) && given[word] !== undefined)
  if (lone !== undefined) throw wrong(option, `${lone} is given without sslmode, such as sslmode=verify-full`)
}

const negotiationOf = (words: GivenParameters): TlsPolicy['negotiation'] =>
  words.sslnegotiation?.value === 'direct' ? 'direct' : 'postgres'

const versions = (words: GivenParameters, option: string): ConnectionOptions => {
  const min = (words.ssl_min_protocol_version?.value ?? 'TLSv1.2') as NonNullable<
    ConnectionOptions['minVersion']
  >
  const max = words.ssl_max_protocol_version?.value as ConnectionOptions['maxVersion']
  if (max !== undefined && max < min) {
    throw wrong(option, `ssl_max_protocol_version ${max} is below ssl_min_protocol_version ${min}`)
  }
  return { minVersion: min, ...(max !== undefined && { maxVersion: max }) }
}

/** pg takes words for `ssl` too, as they stand in a URL. */
const asPgReads = (ssl: unknown, option: string): boolean | ConnectionOptions | undefined => {
  if (ssl === undefined || ssl === null) return undefined
  if (ssl === true || ssl === 'true' || ssl === '1') return true
  if (ssl === false || ssl === 'false' || ssl === '0') return false
  if (ssl === 'no-verify') return { rejectUnauthorized: false }
  if (typeof ssl !== 'object') throw wrong(option, 'ssl must be true, false or options of node:tls')
  const { options } = tlsAsGiven(ssl, 'postgres')
  try {
    return structuredClone(options)
  } catch {
    throw wrong(option, 'ssl holds what cannot be sent to a worker thread')
  }
}

const METHODS: readonly AuthMethod[] = ['none', 'password', 'md5', 'scram-sha-256']
/** What libpq knows and copyman never does. */
const NEVER = ['gss', 'sspi', 'oauth']

const authentication = (words: GivenParameters, option: string): AuthPolicy => {
  const channelBinding = (words.channel_binding?.value ?? 'prefer') as AuthPolicy['channelBinding']
  const asked = words.require_auth
  if (asked === undefined) return { channelBinding }
  const list = asked.value.split(',').map((method) => method.trim())
  const named = list.map((method) => method.replace(/^!/, ''))
  const unknown = named.find((name) => ![...METHODS, ...NEVER].includes(name))
  if (unknown !== undefined) {
    throw wrong(option, `${asked.by} knows ${METHODS.join(', ')}, not ${JSON.stringify(unknown)}`)
  }
  const negated = list.filter((method) => method.startsWith('!')).length
  if (negated !== 0 && negated !== list.length) {
    throw wrong(option, `${asked.by} cannot both allow some methods and exclude others by !`)
  }
  const methods = METHODS.filter((method) => named.includes(method) === (negated === 0))
  if (methods.length === 0)
    throw wrong(option, `${asked.by} allows nothing that copyman can do: ${METHODS.join(', ')}`)
  return { channelBinding, methods }
}

const wrong = (option: string, sentence: string): CopyError =>
  new CopyError('COPY_OPTION', `${option}: ${sentence}`)
