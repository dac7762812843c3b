import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { CopyError } from '../../shared/errors/errors.js'

/**
 * The keywords of a service, as libpq finds them (PostgreSQL manual, "The Connection Service File"): in the file that
 * PGSERVICEFILE names, by default ~/.pg_service.conf, and then in pg_service.conf of PGSYSCONFDIR.
 * @param by the option that names the service, e.g. `--to a: service`
 * @throws CopyError COPY_OPTION when no file defines the service, or one of its lines is malformed. It quotes no value
 */
export const readService = (name: string, by: string): Map<string, string> => {
  const serviceError = (sentence: string): CopyError => new CopyError('COPY_OPTION', `${by} ${sentence}`)
  const searched: string[] = []
  for (const path of places()) {
    const text = read(path, serviceError)
    if (text === undefined) {
      searched.push(`${path}, which is not there`)
      continue
    }
    const found = sectionOf(text, name, (line, why) => serviceError(`${path}, line ${line}: ${why}`))
    if (found !== undefined) return found
    searched.push(path)
  }
  throw serviceError(
    `names no service that is defined: there is no [${name}] in ${searched.join(', nor in ')}`,
  )
}

const places = (): string[] => {
  const { PGSERVICEFILE, PGSYSCONFDIR, APPDATA } = process.env
  const own =
    process.platform === 'win32'
      ? join(APPDATA ?? homedir(), 'postgresql', '.pg_service.conf')
      : join(homedir(), '.pg_service.conf')
  return [PGSERVICEFILE || own, ...(PGSYSCONFDIR ? [join(PGSYSCONFDIR, 'pg_service.conf')] : [])]
}

const read = (path: string, serviceError: (sentence: string) => CopyError): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw serviceError(`is looked for in ${path}, which cannot be read: ${code}`)
  }
}

const sectionOf = (
  text: string,
  name: string,
  lineError: (line: number, why: string) => CopyError,
): Map<string, string> | undefined => {
  let found: Map<string, string> | undefined
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('[')) {
      // the first section of that name counts; it ends where the next section begins
      if (found !== undefined) return found
      if (line === `[${name}]`) found = new Map()
      continue
    }
    if (found === undefined) continue
    const at = line.indexOf('=')
    if (at < 1) throw lineError(i + 1, 'keyword=value is expected')
    const keyword = line.slice(0, at)
    if (keyword === 'service') throw lineError(i + 1, 'a service cannot name another service')
    if (!found.has(keyword)) found.set(keyword, line.slice(at + 1))
  }
  return found
}
