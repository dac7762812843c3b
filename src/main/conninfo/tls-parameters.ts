import { CopyError } from '../../shared/errors/errors.js'

/** libpq's words for encryption and authentication, by which docs/connections.md explains them → their variable. */
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

/** What libpq would do for these and copyman cannot; to ignore them would be less safe than was asked for. */
const UNSUPPORTED = {
  sslcrldir: 'PGSSLCRLDIR',
  sslcertmode: 'PGSSLCERTMODE',
  sslkeylogfile: undefined,
  requiressl: 'PGREQUIRESSL',
  requirepeer: 'PGREQUIREPEER',
} as const

const VALUES: { readonly [W in TlsParameter]?: readonly string[] } = {
  sslmode: ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'],
  sslsni: ['0', '1'],
  sslnegotiation: ['postgres', 'direct'],
  ssl_min_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
  ssl_max_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
  channel_binding: ['disable', 'prefer', 'require'],
  // Kerberos is never offered by us: `prefer` does without where there is none
  gssencmode: ['disable', 'prefer'],
  // nothing is ever compressed, which nobody has to fear
  sslcompression: ['0', '1'],
}

export type TlsParameter = keyof typeof ENVIRONMENT

/** libpq's words for encryption and authentication, explained in docs/connections.md. Not together with pg's `ssl`. */
export type TlsParameters = { readonly [W in TlsParameter]?: string }

export const TLS_PARAMETERS = Object.keys(ENVIRONMENT) as readonly TlsParameter[]

export const isTlsParameter = (name: string): name is TlsParameter =>
  Object.hasOwn(ENVIRONMENT, name) || Object.hasOwn(UNSUPPORTED, name)

/** What was asked for, and by what name: the option's own, or that of a variable. */
export interface GivenParameter {
  readonly value: string
  readonly by: string
}

export type GivenParameters = { readonly [W in TlsParameter]?: GivenParameter }

/**
 * Reads the words out of what a user gave for a connection, and the environment for those that are missing.
 * @throws CopyError COPY_OPTION for a word that is not supported, or a value that it cannot have
 */
export const readTlsParameters = (
  given: Readonly<Record<string, unknown>>,
  option: string,
): { given: GivenParameters; all: GivenParameters } => {
  const { env } = process
  for (const [word, variable] of Object.entries(UNSUPPORTED)) {
    const by = isGiven(given[word])
      ? `${option}: ${word}`
      : variable !== undefined && env[variable] && variable
    if (by) throw new CopyError('COPY_OPTION', `${by} is not supported; see docs/connections.md`)
  }
  const own: { [W in TlsParameter]?: GivenParameter } = {}
  const all: { [W in TlsParameter]?: GivenParameter } = {}
  for (const word of TLS_PARAMETERS) {
    const variable = ENVIRONMENT[word]
    const fallback = variable && env[variable]
    if (isGiven(given[word])) {
      own[word] = all[word] = { value: check(word, given[word], `${option}: ${word}`), by: word }
    } else if (variable !== undefined && isGiven(fallback)) {
      all[word] = { value: check(word, fallback, variable), by: variable }
    }
  }
  return { given: own, all }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

const check = (word: TlsParameter, value: unknown, by: string): string => {
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new CopyError('COPY_OPTION', `${by} must be a string without NUL, not ${typeof value}`)
  }
  const values = VALUES[word]
  if (values?.includes(value) === false) {
    throw new CopyError(
      'COPY_OPTION',
      `${by} must be one of ${values.join(', ')}, not ${JSON.stringify(value)}`,
    )
  }
  return value
}
