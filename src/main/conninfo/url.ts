import { parse } from 'pg-connection-string'
import { CopyError } from '../../shared/errors/errors.js'
import { CONNECTION_PARAMETERS, fieldOf } from './parameters.js'

/** pg's word for what is always so here: sslmode means what it means in libpq. */
const COMPATIBILITY = 'uselibpqcompat'

/** pg's own `ssl`, which pg reads. */
const SSL = 'ssl'

/**
 * Reads a postgres:// URL as libpq does: any of its keywords may come behind `?`. The rest is left to pg.
 * @throws CopyError COPY_OPTION that quotes nothing of the URL, since any part of one that is malformed may be a password
 */
export const readUrl = (url: string, option: string): Record<string, unknown> => {
  const wrong = (why: string): CopyError =>
    new CopyError('COPY_OPTION', `${option} is not a valid postgres:// URL${why}`)
  const end = url.includes('?') ? url.indexOf('?') : url.length
  const address = url.slice(0, end)
  const query = url.slice(end + 1)
  // a password with such a character ends too early, and what is left of it would be shown as a port or a database
  if (url.includes('#')) throw wrong(': # is written as %23')
  if (/\s/.test(url)) throw wrong(': a space is written as %20')
  if (/%(?![0-9a-f]{2})/i.test(url)) throw wrong(': % is written as %25')
  const [, authority = '', path = ''] = /^[a-z]+:\/\/([^/]*)(.*)$/s.exec(address) ?? []
  if (path.includes('@')) throw wrong(': in a name or password, / is written as %2F, and @ as %40')
  const place = authority.slice(authority.lastIndexOf('@') + 1)
  if (place.includes(',')) throw wrong(': it names several hosts, and each target is one server')
  if (/:(?!\d*$)[^\]]*$/.test(place) || Number(/:(\d+)$/.exec(place)?.[1] ?? 1) > 65_535)
    throw wrong(': behind the : of the host comes a port, a whole number from 1 to 65535')
  if (query.split('&').some((pair) => pair !== '' && !pair.includes('='))) {
    throw wrong(': behind ? come parameters as name=value; in a name or password, ? is written as %3F')
  }
  const words: Record<string, string> = {}
  const ssl = new URLSearchParams()
  // not URLSearchParams' + for a space: libpq knows none
  for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    const field = fieldOf(name)
    if (field !== undefined) words[field] = value
    else if (name === SSL) ssl.set(SSL, value)
    else if (name !== COMPATIBILITY)
      throw new CopyError('COPY_OPTION', `${option}: ${unknownParameter(name)}`)
  }
  try {
    const parts = parse(ssl.size === 0 ? address : `${address}?${ssl}`)
    // pg leaves some characters of the database's name as they are written
    const database = decodeURIComponent(path.slice(1))
    return Object.fromEntries(
      Object.entries({ ...parts, database, ...words }).filter(
        ([, value]) => value !== undefined && value !== null && value !== '',
      ),
    )
  } catch {
    // not even as a cause: Node's ERR_INVALID_URL carries the whole input, password included
    throw wrong('')
  }
}

/** A name with other characters than keywords have may be half a password. */
const unknownParameter = (name: string): string =>
  `${/^[A-Za-z_]+$/.test(name) ? `parameter ${name} is unknown` : 'a parameter is unknown'}; known are ${CONNECTION_PARAMETERS.join(', ')}`
