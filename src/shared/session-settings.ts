import { BACKEND_ID, toBackendId } from './backend.js'
import { CopyError } from './errors.js'
import type { Session } from './session.js'

/** Server settings by name, such as `{ work_mem: '256MB' }`; they last for the copy's transaction. */
export type SessionSettings = Readonly<Record<string, string | number | boolean>>

/**
 * What a value means must not depend on how a server is configured: a source with DMY dates loads wrong dates into an
 * MDY target without an error. And no timeout that was made for other work may end a copy.
 */
const PINNED: SessionSettings = {
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  extra_float_digits: 3,
  TimeZone: 'UTC',
  lc_monetary: 'C',
  synchronize_seqscans: 'off',
  row_security: 'off',
  statement_timeout: 0,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 0,
}

/** Settings that only newer servers know: name → first version. */
const PINNED_SINCE: Readonly<Record<string, number>> = { transaction_timeout: 170_000 }

const SETTING_NAME = /^[A-Za-z_][A-Za-z0-9_$.]{0,62}$/

/**
 * Checks the names and values of settings that a user gave.
 * @throws CopyError COPY_OPTION naming the setting
 */
export const checkSettings = (settings: SessionSettings | undefined, option: string): SessionSettings => {
  for (const [name, value] of Object.entries(settings ?? {})) {
    if (!SETTING_NAME.test(name))
      throw new CopyError('COPY_OPTION', `${option}: ${JSON.stringify(name)} is no name of a server setting`)
    if (!['string', 'number', 'boolean'].includes(typeof value) || String(value).includes('\0')) {
      throw new CopyError('COPY_OPTION', `${option}.${name} must be a string, number or boolean, without NUL`)
    }
  }
  return settings ?? {}
}

/**
 * Begins a transaction, sets the pinned settings and the user's, the user's winning, for as long as it lasts, and learns
 * the session's backend: all by one message.
 */
export const beginTransaction = async (
  session: Pick<Session, 'query' | 'serverVersion' | 'backend'>,
  begin: string,
  settings: SessionSettings,
): Promise<void> => {
  const version = await session.serverVersion
  const since = Object.entries(PINNED_SINCE).filter(([, first]) => version >= first)
  const own = Object.entries(settings)
  const overruled = new Set(own.map(([name]) => name.toLowerCase()))
  const pinned = [...Object.entries(PINNED), ...since.map(([name]) => [name, 0] as const)]
    .filter(([name]) => !overruled.has(name.toLowerCase()))
    .map(([name, value]) => `SET LOCAL ${name} = ${quote(String(value))}`)
  // a function for the user's: SET takes what it is given for one name where a setting is a list, such as search_path
  const calls = own.map(([name, value]) => `set_config(${quote(name)}, ${quote(String(value))}, true)`)
  const text = [begin, ...pinned, `SELECT ${[...BACKEND_ID, ...calls].join(', ')}`].join('; ')
  const rows = await session.query(text, 'start')
  session.backend = toBackendId(rows[0])
}

/** An SQL literal that does not depend on standard_conforming_strings. */
const quote = (text: string): string => {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return quoted.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
