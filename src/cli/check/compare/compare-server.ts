import type { ServerFacts } from '../catalog/facts.js'
import { error, type Finding, note, warning } from '../catalog/finding.js'

/** PostgreSQL 14 to 18. */
const [OLDEST, NEWEST] = [14, 18]

/** What holds for a server at either end. */
const compareServer = (server: ServerFacts): Finding[] => {
  const findings: Finding[] = []
  const { version, versionText, pooler, connections } = server
  if (version < OLDEST * 10_000 || version >= (NEWEST + 1) * 10_000) {
    findings.push(
      warning(
        'version',
        `PostgreSQL ${versionText} is not among those that copyman is tested with: ${OLDEST} to ${NEWEST}`,
      ),
    )
  }
  if (pooler === 'transaction') {
    findings.push(
      error(
        'pooler',
        'a pooler in transaction mode stands between, which takes the connection back after each transaction; connect to the server itself, or to a pool in session mode',
      ),
    )
  } else if (pooler === 'session') {
    findings.push(note('pooler', 'a pooler in session mode stands between'))
  } else if (pooler === 'unknown') {
    findings.push(
      warning(
        'pooler',
        'a pooler stands between, and whether it pools by session could not be told; in transaction mode the copy may fail',
      ),
    )
  }
  if (connections.free < 1) {
    findings.push(
      error('connections', `there is no free connection (${connections.bound}): raise the limit or end some`),
    )
  } else if (connections.free < 2) {
    findings.push(warning('connections', `the copy takes the last free connection (${connections.bound})`))
  }
  return findings
}

/** What keeps a target from being written at all. */
export const compareTargetServer = (server: ServerFacts, source: ServerFacts | undefined): Finding[] => {
  const findings = compareServer(server)
  if (server.isInRecovery) {
    findings.push(error('read-only', 'the server is a standby, which cannot be written; give the primary'))
  } else if (server.isReadOnly) {
    findings.push(
      error(
        'read-only',
        `transactions of role "${server.role}" are read-only here (default_transaction_read_only); ALTER ROLE or the database's setting`,
      ),
    )
  }
  if (source !== undefined) {
    findings.push(...encoding(server, source))
    if (source.isInRecovery && source.system !== null && source.system === server.system) {
      findings.push(
        warning(
          'standby',
          'the source is a standby with the same identity as this server: what is loaded here comes back there',
        ),
      )
    }
  }
  return findings
}

/** What the source's server needs in addition. */
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

/** All text goes over the wire as UTF-8, which each server turns from and into its own. */
const encoding = (server: ServerFacts, source: ServerFacts): Finding[] => {
  if (server.encoding === source.encoding) return []
  const names = `the database is in ${server.encoding}, the source in ${source.encoding}`
  if (server.encoding === 'SQL_ASCII') {
    return [warning('encoding', `${names}: text is stored as UTF-8, unchecked`)]
  }
  if (source.encoding === 'SQL_ASCII') {
    return [warning('encoding', `${names}: text that is not UTF-8 fails the copy`)]
  }
  if (server.encoding === 'UTF8') return []
  return [warning('encoding', `${names}: a character that ${server.encoding} lacks fails the copy`)]
}
