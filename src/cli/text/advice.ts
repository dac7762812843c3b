import type { CopyError } from '../../index.js'

/** Advice on the most frequent errors of servers, by SQLSTATE. */
const BY_SQLSTATE: Readonly<Record<string, string>> = {
  '28P01': 'the password comes from PGPASSWORD, from ~/.pgpass, or from the URL in a --config file',
  '3D000': 'the name of the database follows the host: postgres://host/database',
  '42501': 'copyman needs SELECT on the source, INSERT on a target, and TRUNCATE for --truncate',
  '53100': 'the disk of that server is full',
  '53300': 'that server has no free connection',
}

const INVALID_AUTHORIZATION = '28000'
/** The server names the file, in every language, if the file is the reason. */
const REFUSED_BY_HBA = "the server's pg_hba.conf does not allow this user from this machine"
const NO_SUCH_USER = 'the user stands before the host: postgres://user@host/database'

/** Advice for targets only. */
const BY_SQLSTATE_OF_TARGET: Readonly<Record<string, string>> = {
  '3F000': 'create the schema first, e.g. pipe pg_dump --schema-only of the source into psql',
  '42P01': 'create the table first, e.g. pipe pg_dump --schema-only --table=… of the source into psql',
}

/** Advice on errors of sockets and of name lookup, by Node's code. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no server answers there: is it running, and is the port right?',
  ENOTFOUND: 'there is no host with this name',
  EAI_AGAIN: 'the name service does not answer',
}

/** What the user can do about a fault; undefined for most. */
export const adviceOn = (fault: CopyError): string | undefined => {
  const { sqlState } = fault
  if (sqlState === INVALID_AUTHORIZATION)
    return fault.message.includes('pg_hba.conf') ? REFUSED_BY_HBA : NO_SUCH_USER
  if (sqlState !== undefined) {
    return (
      (fault.receiver === undefined ? undefined : BY_SQLSTATE_OF_TARGET[sqlState]) ?? BY_SQLSTATE[sqlState]
    )
  }
  if (fault.code === 'COPY_IN_DOUBT')
    return 'look at the target before you load it again: its COMMIT was sent, and the answer was lost'
  const { cause } = fault
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return BY_CODE[code]
}
