import type { CopyError } from '../../index.js'

/** What to do about what servers and sockets say most often. */
const BY_SQLSTATE: Readonly<Record<string, string>> = {
  '28P01': 'the password comes from PGPASSWORD, from ~/.pgpass, or from the URL in a --config file',
  '3D000': 'the database is named behind the host: postgres://host/database',
  '42501': 'copyman needs SELECT on the source, INSERT on a target, and TRUNCATE for --truncate',
  '53100': 'the disk of that server is full',
  '53300': 'that server has no connection left',
}

const INVALID_AUTHORIZATION = '28000'
/** In any language the server names the file where it is to blame. */
const NOT_LET_IN = "the server's pg_hba.conf does not let this user in from here"
const NO_SUCH_USER = 'the user is named before the host: postgres://user@host/database'

/** What only a target can lack. */
const OF_TARGETS: Readonly<Record<string, string>> = {
  '3F000': 'make the schema first, such as by pg_dump --schema-only of the source, piped into psql',
  '42P01': 'make the table first, such as by pg_dump --schema-only --table=… of the source, piped into psql',
}

const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no server answers there: is it running, and is the port right?',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name service does not answer',
}

/** What would be right, where that is known. */
export const adviceOn = (fault: CopyError): string | undefined => {
  const { sqlState } = fault
  if (sqlState === INVALID_AUTHORIZATION)
    return fault.message.includes('pg_hba.conf') ? NOT_LET_IN : NO_SUCH_USER
  if (sqlState !== undefined) {
    return (fault.receiver === undefined ? undefined : OF_TARGETS[sqlState]) ?? BY_SQLSTATE[sqlState]
  }
  if (fault.code === 'COPY_IN_DOUBT')
    return 'look at the target before you load it again: its COMMIT was sent and not answered'
  const { cause } = fault
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return BY_CODE[code]
}
