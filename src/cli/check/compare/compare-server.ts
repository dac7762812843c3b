import type { ServerFacts } from '../catalog/facts.js'
import { error, type Finding, note, warning } from '../catalog/finding.js'

/** PostgreSQL 14 to 18. */
const [OLDEST, NEWEST] = [14, 18]

/** Findings for a server at either end. */
const compareServer = (server: ServerFacts): Finding[] => {
  const findings: Finding[] = []
  const { version, versionText, pooler, connections } = server
  if (version < OLDEST * 10_000 || version >= (NEWEST + 1) * 10_000) {
    findings.push(
      warning('version', `PostgreSQL ${versionText}: copyman is tested with ${OLDEST} to ${NEWEST} only`),
    )
  }
  if (pooler === 'transaction') {
    findings.push(
      error(
        'pooler',
        'the connection goes through a pooler in transaction mode, which takes it back after each transaction; connect to the server itself, or to a pool in session mode',
      ),
    )
  } else if (pooler === 'session') {
    findings.push(note('pooler', 'the connection goes through a pooler in session mode'))
  } else if (pooler === 'unknown') {
    findings.push(
      warning(
        'pooler',
        'the connection goes through a pooler whose mode is unknown; in transaction mode, the copy may fail',
      ),
    )
  }
  if (connections.free < 1) {
    findings.push(
      error(
        'connections',
        `there is no free connection (${connections.limit}): raise the limit, or close connections`,
      ),
    )
  } else if (connections.free < 2) {
    findings.push(warning('connections', `the copy takes the last free connection (${connections.limit})`))
  }
  return findings
}

/** Findings for a target's server. */
export const compareTargetServer = (server: ServerFacts, source: ServerFacts | undefined): Finding[] => {
  const findings = compareServer(server)
  if (server.isInRecovery) {
    findings.push(error('read-only', 'the server is a standby, which is read-only; use the primary'))
  } else if (server.isReadOnly) {
    findings.push(
      error(
        'read-only',
        `transactions of role "${server.role}" are read-only here (default_transaction_read_only): change it with ALTER ROLE or ALTER DATABASE`,
      ),
    )
  }
  if (source !== undefined) {
    findings.push(...encoding(server, source))
    if (source.isInRecovery && source.system !== null && source.system === server.system) {
      findings.push(
        warning(
          'standby',
          'the source is a standby with the same identity as this server: rows loaded here may be replicated to it',
        ),
      )
    }
  }
  return findings
}

/** Findings for the source's server. */
export const compareSourceServer = (server: ServerFacts): Finding[] => [
  ...compareServer(server),
  ...(server.isInRecovery
    ? [
        note(
          'standby',
          'the source is a standby: replay may cancel a long copy (max_standby_streaming_delay)',
        ),
      ]
    : []),
]

/** COPY data is in UTF-8; each server converts it from and to its own encoding. */
const encoding = (server: ServerFacts, source: ServerFacts): Finding[] => {
  if (server.encoding === source.encoding) return []
  const names = `the database is in ${server.encoding}, the source in ${source.encoding}`
  if (server.encoding === 'SQL_ASCII') {
    return [warning('encoding', `${names}: text is stored as UTF-8, unchecked`)]
  }
  if (source.encoding === 'SQL_ASCII') {
    return [warning('encoding', `${names}: text that is not UTF-8 makes the copy fail`)]
  }
  if (server.encoding === 'UTF8') return []
  return [warning('encoding', `${names}: a character that ${server.encoding} lacks makes the copy fail`)]
}
