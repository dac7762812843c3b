import { parse } from 'pg-connection-string'
import { CopyError } from '../../shared/errors/errors.js'
import { CONNECTION_PARAMETERS, fieldOf } from './parameters.js'

/** pg's parameter that gives sslmode its meaning in libpq. Here sslmode always has this meaning, so it is ignored. */
const COMPATIBILITY = 'uselibpqcompat'

/** pg's own `ssl`, which pg reads. */
const SSL = 'ssl'

/**
 * Reads a postgres:// URL as libpq does: any of libpq's keywords may stand after `?`. pg's own parser reads the rest.
 * @throws CopyError COPY_OPTION that quotes nothing of the URL, since any part of a malformed URL may be a password
 */
export const readUrl = (url: string, option: string): Record<string, unknown> => {
  const { address, path, query } = split(url)
  const mistake = mistakeIn(url)
  if (mistake !== undefined) throw urlError(option, `: ${mistake}`)
  const { parameters, ssl } = readQuery(query, option)
  try {
    const parts = parse(ssl === undefined ? address : `${address}?${new URLSearchParams({ [SSL]: ssl })}`)
    // pg leaves some characters of the database's name encoded
    const database = decodeURIComponent(path.slice(1))
    return Object.fromEntries(
      Object.entries({ ...parts, database, ...parameters }).filter(
        ([, value]) => value !== undefined && value !== null && value !== '',
      ),
    )
  } catch {
    // not even as a cause: Node's ERR_INVALID_URL carries the whole input, password included
    throw urlError(option, '')
  }
}

interface UrlParts {
  /** All before the query. */
  readonly address: string
  /** User, password, host and port. */
  readonly authority: string
  /** From the / before the database on. */
  readonly path: string
  /** All after the first ?. */
  readonly query: string
}

const split = (url: string): UrlParts => {
  const end = url.includes('?') ? url.indexOf('?') : url.length
  const address = url.slice(0, end)
  const [, authority = '', path = ''] = /^[a-z]+:\/\/([^/]*)(.*)$/s.exec(address) ?? []
  return { address, authority, path, query: url.slice(end + 1) }
}

/**
 * What is wrong with the URL, without any part of it. A password with an unescaped special character ends too early;
 * without these checks the rest of the password would be shown as a port or a database.
 */
const mistakeIn = (url: string): string | undefined => {
  if (url.includes('#')) return '# is written as %23'
  if (/\s/.test(url)) return 'a space is written as %20'
  if (/%(?![0-9a-f]{2})/i.test(url)) return '% is written as %25'
  const { authority, path, query } = split(url)
  if (path.includes('@')) return 'in a name or password, / is written as %2F, and @ as %40'
  const place = authority.slice(authority.lastIndexOf('@') + 1)
  if (place.includes(',')) return 'it names several hosts, and each target is one server'
  if (/:(?!\d*$)[^\]]*$/.test(place) || Number(/:(\d+)$/.exec(place)?.[1] ?? 1) > 65_535)
    return 'after the : of the host comes a port, a whole number from 1 to 65535'
  if (query.split('&').some((pair) => pair !== '' && !pair.includes('=')))
    return 'after ? come parameters as name=value; in a name or password, ? is written as %3F'
  return undefined
}

/** @throws CopyError COPY_OPTION for an unknown parameter */
const readQuery = (query: string, option: string): { parameters: Record<string, string>; ssl?: string } => {
  const parameters: Record<string, string> = {}
  let ssl: string | undefined
  // URLSearchParams would read + as a space, which libpq does not
  for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    const field = fieldOf(name)
    if (field !== undefined) parameters[field] = value
    else if (name === SSL) ssl = value
    else if (name !== COMPATIBILITY)
      throw new CopyError('COPY_OPTION', `${option}: ${unknownParameter(name)}`)
  }
  return { parameters, ...(ssl !== undefined && { ssl }) }
}

/** The name is quoted only if it looks like a keyword: otherwise it may be half a password. */
const unknownParameter = (name: string): string =>
  `${/^[A-Za-z_]+$/.test(name) ? `parameter ${name} is unknown` : 'a parameter is unknown'}; known are ${CONNECTION_PARAMETERS.join(', ')}`

const urlError = (option: string, why: string): CopyError =>
  new CopyError('COPY_OPTION', `${option} is not a valid postgres:// URL${why}`)
