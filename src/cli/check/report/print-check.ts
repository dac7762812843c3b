import { bytes, quantity, roughDuration } from '../../text/figures.js'
import { printable } from '../../text/printable.js'
import type { Finding } from '../catalog/finding.js'
import { kindOf } from '../compare/compare-table.js'
import type { CheckedEnd, CheckReport } from './check-report.js'
import { secondsFor } from './estimate-time.js'

const HEADS = [
  '',
  'server',
  'version',
  'table',
  'columns',
  'rights',
  'encoding',
  'RLS',
  'triggers',
  'free',
  'result',
]

/** Codes of the findings that a column of the table sums up, as `ok` or the worst severity. */
const COLUMN_CODES = /^(column-|type$|enum$)/
const RIGHT_CODES = /^(privilege|read-only)$/

/** A check as human-readable text: a table of all ends, the findings at each end, and the format and size of the copy. */
export const printCheck = (report: CheckReport): string => {
  const ends = [...(report.source === undefined ? [] : [report.source]), ...report.targets]
  const lines = [...table([HEADS, ...ends.map((end) => row(end, end !== report.source))]), '']
  for (const end of ends) {
    for (const { severity, message } of bySeverity(end.findings)) {
      lines.push(`${printable(end.name)}: ${severity}: ${printable(message)}`)
    }
  }
  if (lines.at(-1) !== '') lines.push('')
  return [...lines, ...ending(report)].join('\n')
}

const ORDER = ['error', 'warning', 'note']

const bySeverity = (findings: readonly Finding[]): Finding[] =>
  [...findings].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity))

const row = (end: CheckedEnd, isTarget: boolean): string[] => {
  const { name, address, server, table, findings } = end
  const where = address === undefined ? '?' : `${address.server}/${address.database}`
  if (server === undefined) return [name, where, '-', '-', '-', '-', '-', '-', '-', '-', result(end)]
  const ofTable = (value: string): string => (table === undefined ? '-' : value)
  return [
    name,
    where,
    server.versionText,
    table === undefined ? (isTarget ? 'missing' : '-') : kindOf(table).replace(/ table$/, ''),
    ofTable(isTarget ? verdict(findings, COLUMN_CODES) : String(table?.columns.length)),
    ofTable(verdict(findings, RIGHT_CODES)),
    server.encoding,
    ofTable(table?.isRowSecured ? 'applies' : 'no'),
    ofTable(isTarget ? String(table?.insertTriggers.length) : '-'),
    String(server.connections.free),
    result(end),
  ]
}

const verdict = (findings: readonly Finding[], codes: RegExp): string => {
  const worst = bySeverity(findings.filter(({ code }) => codes.test(code)))[0]
  return worst === undefined || worst.severity === 'note' ? 'ok' : worst.severity
}

const result = ({ findings }: CheckedEnd): string => {
  const count = (severity: string): number =>
    findings.filter((finding) => finding.severity === severity).length
  const [errors, warnings] = [count('error'), count('warning')]
  const parts = [
    ...(errors > 0 ? [quantity(errors, 'error')] : []),
    ...(warnings > 0 ? [quantity(warnings, 'warning')] : []),
  ]
  return parts.length === 0 ? 'ok' : parts.join(', ')
}

/** Rows with aligned columns. */
const table = (rows: readonly (readonly string[])[]): string[] => {
  const shown = rows.map((cells) => cells.map(printable))
  const widths = HEADS.map((_, i) => Math.max(...shown.map((cells) => cells[i]?.length ?? 0)))
  return shown.map((cells) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

const ending = ({ ok, source, targets, format, estimate }: CheckReport): string[] => {
  const lines: string[] = []
  const loadable = targets.filter((target) => target.ok).length
  if (loadable > 0 && source?.ok !== false)
    lines.push(`Format: ${format.format}, since ${printable(format.why)}.`)
  if (estimate !== undefined) {
    const time = roughDuration(secondsFor(estimate, format.format))
    lines.push(
      `Size: about ${quantity(estimate.rows, 'row')}, ${bytes(estimate.bytes)}; ${time} if nothing is in the way. These are guesses.`,
    )
  }
  lines.push(
    ok
      ? `All is well: ${quantity(targets.length, 'target')} can be loaded.`
      : source?.ok === false
        ? 'Nothing can be loaded: the source cannot be read.'
        : `${loadable} of ${quantity(targets.length, 'target')} can be loaded.`,
  )
  return lines
}
