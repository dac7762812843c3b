import { userInfo } from 'node:os'
import type { ClientConfig } from 'pg'
import { parse } from 'pg-connection-string'
import type { ConnectionData } from '../shared/connection-data.js'
import { CopyError } from '../shared/errors.js'
import { parseKeywords } from './connection-keywords.js'

/** A URL, a libpq keyword string such as `host=a dbname=app`, or pg's own config. Missing parts come from PG*. */
export type ConnectionInput = string | ClientConfig

/** libpq's keywords that mean what a part of pg's config means. */
const KEYWORDS: Readonly<Record<string, keyof ClientConfig>> = {
  host: 'host',
  hostaddr: 'host',
  port: 'port',
  user: 'user',
  dbname: 'database',
  password: 'password',
  application_name: 'application_name',
  options: 'options',
}

/** A connection that was checked. `password` is asked for when it is needed: a function may give a token that expires. */
export interface CheckedConnection {
  /** Plain data for a worker. @throws CopyError COPY_OPTION when a `password` function gives no string; what it throws */
  resolve(): Promise<ConnectionData>
}

/**
 * Checks what the user gave and makes plain data of it, on the main thread: parts that are missing come from the
 * environment as with pg and libpq, and a `password` function is called here, since functions cannot be posted.
 * @throws CopyError COPY_OPTION that names the option and never quotes a value that may be a password
 */
export const checkConnection = (input: ConnectionInput, option: string): CheckedConnection => {
  const config = toConfig(input, option)
  refuseFunctions(config, option)
  const { env } = process
  const user = config.user ?? env.PGUSER ?? userInfo().username
  const port = Number(config.port ?? env.PGPORT ?? 5432)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new CopyError('COPY_OPTION', `${option}: port must be a whole number from 1 to 65535, not ${port}`)
  }
  const data = {
    host: config.host ?? env.PGHOST ?? 'localhost',
    port,
    user,
    database: config.database ?? env.PGDATABASE ?? user,
    ssl: config.ssl ?? false,
    applicationName: config.application_name ?? env.PGAPPNAME ?? 'copyman',
    ...(config.options !== undefined && { options: config.options }),
  }
  return {
    async resolve() {
      const password = await passwordOf(config, option)
      return { ...data, ...(password !== undefined && { password }) }
    },
  }
}

const toConfig = (input: ConnectionInput, option: string): ClientConfig => {
  if (typeof input === 'string') {
    return /^postgres(ql)?:\/\//.test(input) ? fromUrl(input, option) : fromKeywords(input, option)
  }
  if (input === null || typeof input !== 'object') {
    throw new CopyError('COPY_OPTION', `${option} must be a URL, a keyword string or a pg.ClientConfig`)
  }
  const { connectionString, ...rest } = input
  return connectionString === undefined ? rest : { ...toConfig(connectionString, option), ...rest }
}

const fromUrl = (url: string, option: string): ClientConfig => {
  try {
    const parts = parse(url)
    return Object.fromEntries(
      Object.entries(parts).filter(([, value]) => value !== undefined && value !== null && value !== ''),
    ) as ClientConfig
  } catch {
    // not even as a cause: Node's ERR_INVALID_URL carries the whole input, password included
    throw new CopyError('COPY_OPTION', `${option} is not a valid postgres:// URL`)
  }
}

const fromKeywords = (text: string, option: string): ClientConfig => {
  const config: Record<string, unknown> = {}
  for (const [keyword, value] of parseKeywords(text, option)) {
    if (keyword === 'sslmode') {
      config.ssl = parse(`postgres:///?sslmode=${encodeURIComponent(value)}`).ssl
      continue
    }
    const name = KEYWORDS[keyword]
    if (name === undefined) {
      throw new CopyError(
        'COPY_OPTION',
        `${option}: keyword ${keyword} is unknown; known are ${Object.keys(KEYWORDS).join(', ')}, sslmode`,
      )
    }
    config[name] = value
  }
  return config as ClientConfig
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
