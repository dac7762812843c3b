import type { ConnectionOptions } from 'node:tls'
import { CopyError } from '../../shared/errors/errors.js'
import { type ConnectionParameters, isUnixSocket } from '../../shared/wire/connection-parameters.js'
import type { AuthMethod, AuthPolicy, TlsPolicy } from '../../shared/wire/tls-policy.js'
import { tlsAsGiven } from '../../shared/wire/tls-upgrade.js'
import { readTlsFiles, SYSTEM } from './tls-files.js'
import {
  type GivenParameters,
  readTlsParameters,
  TLS_PARAMETERS,
  type TlsParameter,
} from './tls-parameters.js'

/** The `sslmode` of a connection without TLS parameters. It is pg's default; libpq's default is `prefer`. */
const DEFAULT_MODE = 'disable'

const ATTEMPTS: Readonly<Record<string, TlsPolicy['attempts']>> = {
  disable: ['plain'],
  allow: ['plain', 'tls'],
  prefer: ['tls', 'plain'],
}
const TLS_ONLY = ['tls'] as const

/** Parameters that may be combined with `ssl`. */
const BESIDE_SSL: readonly TlsParameter[] = [
  'sslnegotiation',
  'channel_binding',
  'require_auth',
  'gssencmode',
  'sslcompression',
]

/** Where a connection goes, and its other fields, TLS parameters included. */
export interface GivenConnection {
  readonly host: string
  /** pg's own option. */
  readonly ssl?: unknown
}

/**
 * Turns libpq's parameters or pg's `ssl` into plain data; docs/connections.md has the table.
 * @throws CopyError COPY_OPTION for parameters that contradict each other, are not supported, or would be less safe than
 *   they look
 */
export const connectionTls = (
  connection: GivenConnection,
  option: string,
): Pick<ConnectionParameters, 'tls' | 'auth'> => {
  const { given, all } = readTlsParameters(connection as unknown as Record<string, unknown>, option)
  const ssl = readSsl(connection.ssl, option)
  const tls = ssl === undefined ? byParameters(given, all, connection, option) : bySsl(ssl, given, option)
  return { ...(tls && { tls }), auth: authentication(all, option) }
}

const bySsl = (
  ssl: boolean | ConnectionOptions,
  given: GivenParameters,
  option: string,
): TlsPolicy | undefined => {
  const other = TLS_PARAMETERS.find((name) => given[name] !== undefined && !BESIDE_SSL.includes(name))
  if (other !== undefined) {
    throw optionError(option, `ssl and ${other} are both given; use one or the other`)
  }
  const negotiation = negotiationOf(given)
  if (ssl !== false) return tlsAsGiven(ssl, negotiation)
  if (negotiation === 'direct') {
    throw optionError(option, 'sslnegotiation=direct does not go with ssl: false')
  }
  return undefined
}

const byParameters = (
  given: GivenParameters,
  all: GivenParameters,
  { host }: GivenConnection,
  option: string,
): TlsPolicy | undefined => {
  const mode = modeOf(given, all, option)
  const asked = `sslmode=${mode}`
  const attempts = ATTEMPTS[mode] ?? TLS_ONLY
  const negotiation = negotiationOf(all)
  if (negotiation === 'direct' && attempts !== TLS_ONLY) {
    throw optionError(
      option,
      `${asked} does not go with sslnegotiation=direct: use require, verify-ca or verify-full`,
    )
  }
  if (!attempts.includes('tls') || isUnixSocket({ host })) return undefined
  const { options, hasAuthorities } = readTlsFiles(all, option)
  if (mode.startsWith('verify-') && !hasAuthorities) {
    throw optionError(
      option,
      `${asked} needs the certificate of an authority: sslrootcert names its file, or is system; the default is ~/.postgresql/root.crt`,
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

const modeOf = (given: GivenParameters, all: GivenParameters, option: string): string => {
  const isSystem = all.sslrootcert?.value === SYSTEM
  const mode = all.sslmode?.value ?? (isSystem ? 'verify-full' : undefined)
  if (mode === undefined) {
    refuseWithoutMode(given, option)
    return DEFAULT_MODE
  }
  if (isSystem && mode !== 'verify-full') {
    throw optionError(
      option,
      `sslmode=${mode} does not go with sslrootcert=system, whose authorities sign for anybody: use verify-full`,
    )
  }
  return mode
}

/** A user who names a certificate expects TLS. libpq would ignore the certificate and connect without TLS. */
const refuseWithoutMode = (given: GivenParameters, option: string): void => {
  const needsTls = (name: TlsParameter): boolean => name.startsWith('ssl') && name !== 'sslcompression'
  const lone = TLS_PARAMETERS.find((name) => needsTls(name) && given[name] !== undefined)
  if (lone !== undefined) {
    throw optionError(option, `${lone} is given without sslmode; add a mode, e.g. sslmode=verify-full`)
  }
}

const negotiationOf = (parameters: GivenParameters): TlsPolicy['negotiation'] =>
  parameters.sslnegotiation?.value === 'direct' ? 'direct' : 'postgres'

const versions = (parameters: GivenParameters, option: string): ConnectionOptions => {
  const min = (parameters.ssl_min_protocol_version?.value ?? 'TLSv1.2') as NonNullable<
    ConnectionOptions['minVersion']
  >
  const max = parameters.ssl_max_protocol_version?.value as ConnectionOptions['maxVersion']
  if (max !== undefined && max < min) {
    throw optionError(option, `ssl_max_protocol_version ${max} is below ssl_min_protocol_version ${min}`)
  }
  return { minVersion: min, ...(max !== undefined && { maxVersion: max }) }
}

/** Reads `ssl` as pg does, which also accepts the strings that a URL may hold. */
const readSsl = (ssl: unknown, option: string): boolean | ConnectionOptions | undefined => {
  if (ssl === undefined || ssl === null) return undefined
  if (ssl === true || ssl === 'true' || ssl === '1') return true
  if (ssl === false || ssl === 'false' || ssl === '0') return false
  if (ssl === 'no-verify') return { rejectUnauthorized: false }
  if (typeof ssl !== 'object') {
    throw optionError(option, 'ssl must be true, false or options of node:tls')
  }
  const { options } = tlsAsGiven(ssl, 'postgres')
  try {
    return structuredClone(options)
  } catch {
    throw optionError(option, 'ssl holds a value that cannot be sent to a worker thread')
  }
}

const METHODS: readonly AuthMethod[] = ['none', 'password', 'md5', 'scram-sha-256']
/** Methods that libpq knows and copyman never uses. */
const NEVER = ['gss', 'sspi', 'oauth']

const authentication = (parameters: GivenParameters, option: string): AuthPolicy => {
  const channelBinding = (parameters.channel_binding?.value ?? 'prefer') as AuthPolicy['channelBinding']
  const required = parameters.require_auth
  if (required === undefined) return { channelBinding }
  const list = required.value.split(',').map((method) => method.trim())
  const named = list.map((method) => method.replace(/^!/, ''))
  const unknown = named.find((name) => ![...METHODS, ...NEVER].includes(name))
  if (unknown !== undefined) {
    throw optionError(option, `${required.by} knows ${METHODS.join(', ')}, not ${JSON.stringify(unknown)}`)
  }
  const negated = list.filter((method) => method.startsWith('!')).length
  if (negated !== 0 && negated !== list.length) {
    throw optionError(option, `${required.by} cannot both allow some methods and exclude others by !`)
  }
  const methods = METHODS.filter((method) => named.includes(method) === (negated === 0))
  if (methods.length === 0)
    throw optionError(option, `${required.by} allows nothing that copyman can do: ${METHODS.join(', ')}`)
  return { channelBinding, methods }
}

const optionError = (option: string, sentence: string): CopyError =>
  new CopyError('COPY_OPTION', `${option}: ${sentence}`)
