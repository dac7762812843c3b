import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The connection that needs a password. */
export interface PasswordRequest {
  /** The host as the user gave it, else the address. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** The result of the search in a password file. */
export interface FoundPassword {
  readonly password?: string
  /** Added to the error text if the server refuses the login. It never holds the password. */
  readonly note?: string
}

/** Permissions of the group and of others: libpq ignores a password file that has any of these. */
const OPEN_TO_OTHERS = 0o077

/** libpq's usual socket directories, which depend on how it was built. In a password file they are called `localhost`. */
const SOCKET_FOLDERS = ['/tmp', '/var/run/postgresql', '/run/postgresql']

/** Five fields; a backslash escapes the next character. */
const LINE = /^((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):(.*)$/

/**
 * Looks a password up as libpq does (PostgreSQL manual, "The Password File"): the first matching line counts.
 * @param path the file that `passfile` names; default: PGPASSFILE, else ~/.pgpass
 */
export const findPassword = async (
  path: string | undefined,
  request: PasswordRequest,
): Promise<FoundPassword> => {
  const file = path || process.env.PGPASSFILE || usualFile()
  let text: string
  try {
    const found = await stat(file)
    if (!found.isFile()) return { note: `${file} is not read for passwords: it is no plain file` }
    if (process.platform !== 'win32' && (found.mode & OPEN_TO_OTHERS) !== 0)
      return { note: `${file} is not read for passwords, since others may read it: chmod 600 ${file}` }
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? {} : { note: `${file} cannot be read for passwords: ${code}` }
  }
  const password = passwordIn(text, request)
  return password === undefined
    ? { note: `${file} has no line for this connection` }
    : { password, note: `the password came from ${file}` }
}

const usualFile = (): string =>
  process.platform === 'win32'
    ? join(process.env.APPDATA ?? homedir(), 'postgresql', 'pgpass.conf')
    : join(homedir(), '.pgpass')

/** The password of the first matching line. */
export const passwordIn = (
  text: string,
  { host, port, database, user }: PasswordRequest,
): string | undefined => {
  const wanted = [SOCKET_FOLDERS.includes(host) ? 'localhost' : host, String(port), database, user]
  for (const raw of text.split('\n')) {
    const line = raw.replace(/\r+$/, '')
    const fields = line.startsWith('#') ? undefined : LINE.exec(line)?.slice(1)
    if (fields === undefined) continue
    const password = fields[4]
    const matches = wanted.every((value, i) => fields[i] === '*' || unescaped(fields[i]) === value)
    if (matches && password) return unescaped(password)
  }
  return undefined
}

const unescaped = (field = ''): string => field.replace(/\\(.)/g, '$1')
