import { usageError } from '../shell/usage.js'

const FILE = 'file:'
const DEFAULT_PORT = '5432'

/** The path of `file:PATH`, `-` for standard output; undefined for a text without `file:`. */
export const pathOf = (text: string): string | undefined => {
  if (!text.startsWith(FILE)) return undefined
  const path = text.slice(FILE.length).replace(/^\/\/(?=\/)/, '')
  if (path === '') throw usageError('--to file:PATH: the path is missing')
  return path
}

/**
 * Splits a URL and the table after its #, e.g. `postgres://db2/app#audit.events`.
 * @throws CopyError COPY_OPTION when the text after # cannot be a name: it may be half a password
 */
export const splitFragment = (
  text: string,
  option: string,
): { readonly url: string; readonly table?: string } => {
  const at = isUrl(text) ? text.indexOf('#') : -1
  if (at < 0) return { url: text }
  const fragment = text.slice(at + 1)
  if (fragment.includes('@')) {
    throw usageError(`${option}: in the user or password of a URL, # is written %23`)
  }
  try {
    return { url: text.slice(0, at), table: decodeURIComponent(fragment) }
  } catch {
    throw usageError(`${option}: in the table's name after #, % is written %25`)
  }
}

/** A short name of the server and its database: `db2/app`, or `db2:5433/app`; undefined when the text has no host. */
export const serverName = (text: string): string | undefined => {
  const { host, port, database } = isUrl(text) ? partsOfUrl(text) : partsOfKeywords(text)
  if (host === undefined) return undefined
  return `${host}${port === undefined || port === DEFAULT_PORT ? '' : `:${port}`}${database ? `/${database}` : ''}`
}

const isUrl = (text: string): boolean => /^postgres(ql)?:\/\//.test(text)

interface Parts {
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly database?: string | undefined
}

const partsOfUrl = (text: string): Parts => {
  if (!URL.canParse(text)) return {}
  const { hostname, port, pathname, search, hash, searchParams } = new URL(text)
  // a password with /, ? or # in it parses so, and part of it would pass for a host
  if (`${pathname}${search}${hash}`.includes('@')) return {}
  const host =
    searchParams.get('host') ||
    hostname.replaceAll(/%2f/gi, '/') ||
    searchParams.get('service') ||
    process.env.PGSERVICE ||
    process.env.PGHOST ||
    'localhost'
  return { host, port: port || process.env.PGPORT, database: pathname.slice(1) || process.env.PGDATABASE }
}

const partsOfKeywords = (text: string): Parts => {
  const part = (keyword: string): string | undefined =>
    new RegExp(`(?:^|\\s)${keyword}\\s*=\\s*([^\\s']+)`).exec(text)?.[1]
  return {
    host: part('host') ?? part('hostaddr') ?? part('service'),
    port: part('port') ?? process.env.PGPORT,
    database: part('dbname') ?? process.env.PGDATABASE,
  }
}
