import type { CheckedEnd, CheckReport } from './check-report.js'
import { secondsFor } from './estimate-time.js'

/** What JSON leaves as it is and a terminal obeys; inside its strings it may be written as an escape. */
const OBEYED = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** A check for programs: one line. */
export const jsonCheck = (report: CheckReport): string => {
  const { ok, source, targets, format, estimate } = report
  const line = JSON.stringify({
    type: 'check',
    ok,
    format: format.format,
    why: format.why,
    ...(estimate && {
      rows: estimate.rows,
      bytes: estimate.bytes,
      seconds: secondsFor(estimate, format.format),
    }),
    ...(source && { source: end(source) }),
    targets: targets.map((target) => ({
      ...end(target),
      ...(target.columns !== undefined && { columns: target.columns }),
    })),
  })
  return line.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const end = ({ name, ok, address, server, table, findings }: CheckedEnd) => ({
  name,
  ok,
  ...(address && { server: address.server, database: address.database, user: address.user }),
  ...(server && {
    version: server.versionText,
    encoding: server.encoding,
    freeConnections: server.connections.free,
    pooler: server.pooler,
  }),
  ...(table && { table: `${table.schema}.${table.name}`, kind: table.kind }),
  findings,
})
