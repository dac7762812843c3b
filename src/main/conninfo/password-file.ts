import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** For whom a password is wanted. */
export interface PasswordWanted {
  /** As it was given, else the address. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** What a password file came to. */
export interface FoundPassword {
  readonly password?: string
  /** What to say if the server does not let us in: never the password. */
  readonly note?: string
}

/** Readable by the group or by others: anybody may have read the passwords, and libpq takes none of them. */
const OPEN_TO_OTHERS = 0o077

/** What libpq was built to take for the local server's sockets: in the file they are `localhost`. */
const SOCKET_FOLDERS = ['/tmp', '/var/run/postgresql', '/run/postgresql']

/** Five fields; a backslash takes the next character as it stands. */
const LINE = /^((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):((?:\\.|[^\\:])*):(.*)$/

/**
 * Looks a password up as libpq does (PostgreSQL manual, "The Password File"): the first line that fits counts.
 * @param path what `passfile` names; else PGPASSFILE, else ~/.pgpass
 */
export const findPassword = async (
  path: string | undefined,
  wanted: PasswordWanted,
): Promise<FoundPassword> => {
  const file = path || process.env.PGPASSFILE || usualFile()
  let text: string
  try {
    const { mode, isPlain } = await look(file)
    if (!isPlain) return { note: `${file} is not read for passwords: it is no plain file` }
    if (process.platform !== 'win32' && (mode & OPEN_TO_OTHERS) !== 0)
      return { note: `${file} is not read for passwords, since others may read it: chmod 600 ${file}` }
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? {} : { note: `${file} cannot be read for passwords: ${code}` }
  }
  const password = passwordIn(text, wanted)
  return password === undefined
    ? { note: `${file} has no line for it` }
    : { password, note: `the password came from ${file}` }
}

const look = async (file: string): Promise<{ mode: number; isPlain: boolean }> => {
  const found = await stat(file)
  return { mode: found.mode, isPlain: found.isFile() }
}

const usualFile = (): string =>
  process.platform === 'win32'
    ? join(process.env.APPDATA ?? homedir(), 'postgresql', 'pgpass.conf')
    : join(homedir(), '.pgpass')

/** The password of the first line that fits. */
export const passwordIn = (
  text: string,
  { host, port, database, user }: PasswordWanted,
): string | undefined => {
  const wanted = [SOCKET_FOLDERS.includes(host) ? 'localhost' : host, String(port), database, user]
  for (const raw of text.split('\n')) {
    const line = raw.replace(/\r+$/, '')
    const fields = line.startsWith('#') ? null : LINE.exec(line)?.slice(1)
    const [password, ...place] = [fields?.[4], ...(fields?.slice(0, 4) ?? [])]
    const fits = place.length === 4 && place.every((field, i) => field === '*' || plain(field) === wanted[i])
    if (fits && password) return plain(password)
  }
  return undefined
}

const plain = (field = ''): string => field.replace(/\\(.)/g, '$1')
