import { userInfo } from 'node:os'
import type { ClientConfig } from 'pg'
import { CopyError } from '../../shared/errors/errors.js'
import type { ConnectionParameters } from '../../shared/wire/connection-parameters.js'
import { parseKeywords } from './keyword-string.js'
import { CONNECTION_PARAMETERS, fieldOf } from './parameters.js'
import { findPassword } from './password-file.js'
import { readService } from './service-file.js'
import { connectionTls } from './tls.js'
import type { TlsParameters } from './tls-parameters.js'
import { readUrl } from './url.js'

/** A URL, a libpq keyword string, e.g. `host=a dbname=app`, or pg's own config. Missing parts come from PG* variables. */
export type ConnectionInput = string | ConnectionConfig

/** pg's config, plus libpq's parameters. Functions are refused, except `password`. */
export type ConnectionConfig = ClientConfig &
  TlsParameters & {
    /** The address to connect to, instead of looking up `host`. The server's certificate must still name `host`. */
    readonly hostaddr?: string
    /** The section of the service file that supplies the parameters missing here. */
    readonly service?: string
    /** The password file to read instead of ~/.pgpass. */
    readonly passfile?: string
    /** How many seconds connecting may take, within `deadlines.connect`. Default: PGCONNECT_TIMEOUT; 0: only the deadline counts. */
    readonly connect_timeout?: number | string
  }

/** A checked connection. `resolve` calls a `password` function as late as possible, since its token may expire. */
export interface CheckedConnection {
  /**
   * Plain data for a worker.
   * @throws CopyError COPY_OPTION when a `password` function returns no string; any error that the function throws
   */
  resolve(): Promise<ConnectionParameters>
}

/**
 * Checks the user's input and turns it into plain data, on the main thread. Missing parts come from the environment, as
 * with pg and libpq. A `password` function is called here, since functions cannot be posted to a worker.
 * @throws CopyError COPY_OPTION that names the option and never quotes a value that may be a password
 */
export const checkConnection = (input: ConnectionInput, option: string): CheckedConnection => {
  const { env } = process
  const given = toConfig(input, option)
  refuseFunctions(given, option)
  const service = given.service || env.PGSERVICE
  const by = given.service ? `${option}: service` : `${option}: PGSERVICE`
  const config = service ? { ...fromService(service, by), ...present(given) } : given
  const user = config.user ?? env.PGUSER ?? userInfo().username
  const port = Number(config.port ?? env.PGPORT ?? 5432)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new CopyError('COPY_OPTION', `${option}: port must be a whole number from 1 to 65535, not ${port}`)
  }
  const address = config.hostaddr || env.PGHOSTADDR
  const named = config.host || env.PGHOST
  // with an empty name, Node would accept a certificate for `localhost`
  const host = (address && named?.startsWith('/') ? address : named) || address || 'localhost'
  const data = {
    host,
    ...(address && { address }),
    port,
    user,
    database: config.database ?? env.PGDATABASE ?? user,
    ...connectionTls({ ...config, host }, option),
    applicationName:
      config.application_name ?? env.PGAPPNAME ?? config.fallback_application_name ?? 'copyman',
    ...connectLimit(config, option),
    ...(config.options !== undefined && { options: config.options }),
  }
  return {
    async resolve() {
      const password = await passwordOf(config, option)
      if (password) return { ...data, password }
      const { password: found, note } = await findPassword(config.passfile, { ...data, host: named || host })
      return { ...data, ...(found && { password: found }), ...(note && { passwordNote: note }) }
    },
  }
}

const connectLimit = (
  { connect_timeout: given }: ConnectionConfig,
  option: string,
): { connectMs?: number } => {
  const isGiven = given !== undefined && given !== null && given !== ''
  const value = isGiven ? given : process.env.PGCONNECT_TIMEOUT
  if (value === undefined || value === '') return {}
  const seconds = Number(value)
  if (!Number.isInteger(seconds)) {
    const name = isGiven ? `${option}: connect_timeout` : 'PGCONNECT_TIMEOUT'
    throw new CopyError(
      'COPY_OPTION',
      `${name} must be a whole number of seconds, not ${JSON.stringify(value)}`,
    )
  }
  return seconds > 0 ? { connectMs: seconds * 1000 } : {}
}

/** The config without its empty fields. */
const present = <T extends object>(config: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined && value !== null && value !== ''),
  ) as Partial<T>

const fromService = (name: string, by: string): ConnectionConfig => {
  const config: Record<string, unknown> = {}
  for (const [keyword, value] of readService(name, by)) config[fieldFor(keyword, `${by} ${name}`)] = value
  return config as ConnectionConfig
}

/** @throws CopyError COPY_OPTION for a keyword that is unknown */
const fieldFor = (keyword: string, where: string): string => {
  const field = fieldOf(keyword)
  if (field !== undefined) return field
  throw new CopyError(
    'COPY_OPTION',
    `${where}: keyword ${keyword} is unknown; known are ${CONNECTION_PARAMETERS.join(', ')}`,
  )
}

const toConfig = (input: ConnectionInput, option: string): ConnectionConfig => {
  if (typeof input === 'string') {
    return /^postgres(ql)?:\/\//.test(input) ? readUrl(input, option) : fromKeywords(input, option)
  }
  if (input === null || typeof input !== 'object') {
    throw new CopyError('COPY_OPTION', `${option} must be a URL, a keyword string or a pg.ClientConfig`)
  }
  const { connectionString, ...rest } = input
  return connectionString === undefined ? rest : { ...toConfig(connectionString, option), ...rest }
}

const fromKeywords = (text: string, option: string): ConnectionConfig => {
  const config: Record<string, unknown> = {}
  let before = ''
  for (const [keyword, value] of parseKeywords(text, option)) {
    if (before === 'password' && fieldOf(keyword) === undefined) {
      // not quoted: it may be the rest of a password that contains a space
      throw new CopyError(
        'COPY_OPTION',
        `${option}: the text after password is no keyword; a value with spaces needs quotes: '…'`,
      )
    }
    before = keyword
    config[fieldFor(keyword, option)] = value
  }
  return config as ConnectionConfig
}

const refuseFunctions = (config: object, option: string): void => {
  for (const [name, value] of Object.entries(config)) {
    if (typeof value === 'function' && name !== 'password') {
      throw new CopyError(
        'COPY_OPTION',
        `${option}.${name} is a function, which cannot be sent to a worker thread; only password may be one`,
      )
    }
    if (name === 'ssl' && value !== null && typeof value === 'object') refuseFunctions(value, `${option}.ssl`)
  }
}

const passwordOf = async (config: ClientConfig, option: string): Promise<string | undefined> => {
  const { password } = config
  const found: unknown =
    typeof password === 'function' ? await password() : (password ?? process.env.PGPASSWORD)
  if (found !== undefined && found !== null && typeof found !== 'string') {
    throw new CopyError('COPY_OPTION', `${option}.password gave ${typeof found}; a string is expected`)
  }
  return found ?? undefined
}
