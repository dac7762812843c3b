import { printableJson } from '../../text/printable.js'
import type { CheckedEnd, CheckReport } from './check-report.js'
import { secondsFor } from './estimate-time.js'

/** A check as one line of JSON. */
export const jsonCheck = (report: CheckReport): string => {
  const { ok, source, targets, format, estimate } = report
  return printableJson({
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
