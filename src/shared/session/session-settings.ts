import { CopyError } from '../errors/errors.js'
import { BACKEND_ID, toBackendId } from './backend-id.js'
import type { Session } from './session.js'

/** Server settings by name, e.g. `{ work_mem: '256MB' }`, for the duration of the copy's transaction. */
export type SessionSettings = Readonly<Record<string, string | number | boolean>>

/**
 * The meaning of a value must not depend on a server's configuration: a source with DMY dates loads wrong dates into an
 * MDY target without an error. And a timeout that is meant for other work must not end a copy.
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

/** Settings that only newer servers know. */
const PINNED_WHERE_KNOWN: SessionSettings = { transaction_timeout: 0 }

const SETTING_NAME = /^[A-Za-z_][A-Za-z0-9_$.]{0,62}$/

/**
 * Checks the names and values of a user's settings.
 * @throws CopyError COPY_OPTION that names the setting
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
 * Sends one message that begins a transaction, sets the pinned settings and the user's for this transaction, and reads the
 * id of the session's backend. The user's settings win.
 */
export const beginTransaction = async (
  session: Pick<Session, 'query' | 'backend'>,
  begin: string,
  settings: SessionSettings,
): Promise<void> => {
  const overridden = new Set(Object.keys(settings).map((name) => name.toLowerCase()))
  const pinned = (all: SessionSettings): [name: string, value: string][] =>
    Object.entries(all).flatMap(([name, value]) =>
      overridden.has(name.toLowerCase()) ? [] : [[name, quote(String(value))]],
    )
  const known = pinned(PINNED).map(([name, value]) => `SET LOCAL ${name} = ${value}`)
  // not decided by the server's version: a pooler in between may have made the version up
  const ifKnown = pinned(PINNED_WHERE_KNOWN).map(
    ([name, value]) =>
      `CASE WHEN current_setting('${name}', true) IS NOT NULL THEN set_config('${name}', ${value}, true) END`,
  )
  // set_config() for the user's: SET would take the value of a list setting, e.g. search_path, for one name
  const own = Object.entries(settings).map(
    ([name, value]) => `set_config(${quote(name)}, ${quote(String(value))}, true)`,
  )
  const select = `SELECT ${[...BACKEND_ID, ...ifKnown, ...own].join(', ')}`
  const rows = await session.query([begin, ...known, select].join('; '), 'start')
  session.backend = toBackendId(rows[0])
}

/** An SQL literal that does not depend on standard_conforming_strings. */
const quote = (text: string): string => {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return quoted.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
