import { parse } from 'pg-connection-string'
import { CopyError } from '../shared/errors.js'
import { isTlsWord } from './tls-words.js'

/** pg's word for what is always so here: sslmode means what it means in libpq. */
const COMPATIBILITY = 'uselibpqcompat'

/**
 * Reads a postgres:// URL as pg does, but for the words of encryption, which pg takes for others: they are left as they are.
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
  const [, authority = '', path = ''] = /^[a-z]+:\/\/([^/]*)(.*)$/s.exec(address) ?? []
  if (path.includes('@') && !authority.includes('@'))
    throw wrong(': in a name or password, / is written as %2F')
  if (query.split('&').some((pair) => pair !== '' && !pair.includes('='))) {
    throw wrong(': behind ? come parameters as name=value; in a name or password, ? is written as %3F')
  }
  const parameters = new URLSearchParams(query)
  const words: Record<string, string> = {}
  for (const [name, value] of [...parameters]) {
    if (!isTlsWord(name) && name !== COMPATIBILITY) continue
    if (name !== COMPATIBILITY) words[name] = value
    parameters.delete(name)
  }
  try {
    const parts = parse(parameters.size === 0 ? address : `${address}?${parameters}`)
    return Object.fromEntries(
      Object.entries({ ...parts, ...words }).filter(
        ([, value]) => value !== undefined && value !== null && value !== '',
      ),
    )
  } catch {
    // not even as a cause: Node's ERR_INVALID_URL carries the whole input, password included
    throw wrong('')
  }
}
