import { counted } from '../../text/figures.js'
import { printable } from '../../text/printable.js'
import type { Finding } from '../catalog/finding.js'
import { plural } from '../catalog/finding.js'
import { kindOf } from '../compare/compare-table.js'
import type { CheckedEnd, CheckReport } from './check-report.js'
import { roughBytes, roughTime, secondsFor } from './estimate-time.js'

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

/** The findings that a column of the table sums up: `ok` unless one of these codes is an error. */
const COLUMN_CODES = /^(column-|type$|enum$)/
const RIGHT_CODES = /^(privilege|read-only)$/

/** A check for people: one table of all ends, then what was found at each, then what the copy would be. */
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
  const seen = (value: string): string => (table === undefined ? '-' : value)
  return [
    name,
    where,
    server.versionText,
    table === undefined ? (isTarget ? 'missing' : '-') : kindOf(table).replace(/ table$/, ''),
    seen(isTarget ? verdict(findings, COLUMN_CODES) : String(table?.columns.length)),
    seen(verdict(findings, RIGHT_CODES)),
    server.encoding,
    seen(table?.isRowSecured ? 'applies' : 'no'),
    seen(isTarget ? String(table?.insertTriggers.length) : '-'),
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
    ...(errors > 0 ? [plural(errors, 'error')] : []),
    ...(warnings > 0 ? [plural(warnings, 'warning')] : []),
  ]
  return parts.length === 0 ? 'ok' : parts.join(', ')
}

/** Columns as wide as what is in them. */
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
  const well = targets.filter((target) => target.ok).length
  if (well > 0 && source?.ok !== false)
    lines.push(`Format: ${format.format}, since ${printable(format.why)}.`)
  if (estimate !== undefined) {
    const time = roughTime(secondsFor(estimate, format.format))
    lines.push(
      `Size: about ${counted(estimate.rows, 'row')}, ${roughBytes(estimate.bytes)}; ${time} if nothing is in the way. These are guesses.`,
    )
  }
  lines.push(
    ok
      ? `All is well: ${plural(targets.length, 'target')} can be loaded.`
      : source?.ok === false
        ? 'Nothing can be loaded: the source cannot be read.'
        : `${well} of ${plural(targets.length, 'target')} can be loaded.`,
  )
  return lines
}
