import { CopyError } from '../../shared/errors/errors.js'

/** libpq's parameters for encryption and authentication, explained in docs/connections.md → their environment variable. */
const ENVIRONMENT = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcrl: 'PGSSLCRL',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslpassword: undefined,
  sslsni: 'PGSSLSNI',
  sslnegotiation: 'PGSSLNEGOTIATION',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  channel_binding: 'PGCHANNELBINDING',
  require_auth: 'PGREQUIREAUTH',
  gssencmode: 'PGGSSENCMODE',
  sslcompression: 'PGSSLCOMPRESSION',
} as const

/** Parameters that copyman does not support. To ignore them would be less safe than the user asked for. */
const UNSUPPORTED = {
  sslcrldir: 'PGSSLCRLDIR',
  sslcertmode: 'PGSSLCERTMODE',
  sslkeylogfile: undefined,
  requiressl: 'PGREQUIRESSL',
  requirepeer: 'PGREQUIREPEER',
} as const

/** The legal values of the parameters that have a fixed set. */
const VALUES: { readonly [P in TlsParameter]?: readonly string[] } = {
  sslmode: ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'],
  sslsni: ['0', '1'],
  sslnegotiation: ['postgres', 'direct'],
  ssl_min_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
  ssl_max_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
  channel_binding: ['disable', 'prefer', 'require'],
  // copyman never offers Kerberos, which `prefer` permits
  gssencmode: ['disable', 'prefer'],
  // copyman never compresses, whatever the value: both values are safe
  sslcompression: ['0', '1'],
}

export type TlsParameter = keyof typeof ENVIRONMENT

/**
 * libpq's parameters for encryption and authentication, explained in docs/connections.md. With pg's `ssl`, only
 * `sslnegotiation`, `sslcompression` and the parameters that do not begin with `ssl` are allowed.
 */
export type TlsParameters = { readonly [P in TlsParameter]?: string }

export const TLS_PARAMETERS = Object.keys(ENVIRONMENT) as readonly TlsParameter[]

export const isTlsParameter = (name: string): name is TlsParameter =>
  Object.hasOwn(ENVIRONMENT, name) || Object.hasOwn(UNSUPPORTED, name)

/** The value of a parameter, and the name by which the user gave it: the parameter's own, or that of a variable. */
export interface GivenParameter {
  readonly value: string
  readonly by: string
}

export type GivenParameters = { readonly [P in TlsParameter]?: GivenParameter }

/**
 * Reads the TLS parameters of a connection, and the environment for those that are missing.
 * @returns `given`: parameters of the connection itself; `all`: these and those of the environment
 * @throws CopyError COPY_OPTION for a parameter that is not supported, or an illegal value
 */
export const readTlsParameters = (
  given: Readonly<Record<string, unknown>>,
  option: string,
): { given: GivenParameters; all: GivenParameters } => {
  const { env } = process
  for (const [name, variable] of Object.entries(UNSUPPORTED)) {
    const by = isGiven(given[name])
      ? `${option}: ${name}`
      : variable !== undefined && env[variable] && variable
    if (by) throw new CopyError('COPY_OPTION', `${by} is not supported; see docs/connections.md`)
  }
  const own: { [P in TlsParameter]?: GivenParameter } = {}
  const all: { [P in TlsParameter]?: GivenParameter } = {}
  for (const name of TLS_PARAMETERS) {
    const variable = ENVIRONMENT[name]
    const fallback = variable && env[variable]
    if (isGiven(given[name])) {
      const parameter = { value: check(name, given[name], `${option}: ${name}`), by: name }
      own[name] = parameter
      all[name] = parameter
    } else if (variable !== undefined && isGiven(fallback)) {
      all[name] = { value: check(name, fallback, variable), by: variable }
    }
  }
  return { given: own, all }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

const check = (name: TlsParameter, value: unknown, by: string): string => {
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new CopyError('COPY_OPTION', `${by} must be a string without NUL, not ${typeof value}`)
  }
  const values = VALUES[name]
  if (values?.includes(value) === false) {
    throw new CopyError(
      'COPY_OPTION',
      `${by} must be one of ${values.join(', ')}, not ${JSON.stringify(value)}`,
    )
  }
  return value
}
