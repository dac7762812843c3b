import { type ConnectionInput, Connector } from '../../index.js'
import type { Format } from '../sql/copy-source.js'
import { columnPairs, type SourceFacts, typesOf } from './catalog/columns.js'
import { columnList, copySourceOf } from './catalog/copy-source.js'
import type { Readable, TableFacts } from './catalog/facts.js'
import type { Finding } from './catalog/finding.js'
import { type InspectedEnd, inspectEnd } from './catalog/inspect-end.js'
import { inspectSource, type SourceFound } from './catalog/inspect-source.js'
import { inspectTarget, type TargetFound } from './catalog/inspect-target.js'
import { binaryFindings, chooseFormat, type FormatChoice } from './compare/choose-format.js'
import { type Comparison, compare, USAGE_CODES } from './compare/compare.js'
import { compareSourceServer } from './compare/compare-server.js'
import { missingTable } from './missing-table.js'
import type { CheckedEnd, CheckedTarget, CheckReport } from './report/check-report.js'

/** The copy to check. */
export interface CheckRequest {
  /** A table quoted for SQL, or a query; undefined for a file, which the check does not read. */
  readonly source:
    | { readonly connection: ConnectionInput; readonly table: string }
    | { readonly connection: ConnectionInput; readonly query: string }
    | undefined
  readonly targets: readonly {
    readonly name: string
    readonly connection: ConnectionInput
    /** Quoted for SQL. */
    readonly table: string
  }[]
  readonly format: Format | 'auto'
  /** The reason for the format, to follow "since"; default: `it was asked for`. */
  readonly formatWhy?: string
  readonly truncate?: boolean
  readonly freeze?: boolean
  /** Statements that run first in each target. */
  readonly before?: readonly string[]
  /** For each server, in milliseconds, connecting included; default: 20,000. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

const DEADLINE_MS = 20_000

/** What the check read from the servers. */
interface Inspection {
  readonly source: InspectedEnd<SourceFound> | undefined
  readonly targets: readonly InspectedEnd<TargetFound>[]
}

/**
 * Reads the facts of the source and of all targets at the same time, and reports everything at every end that would make
 * the copy fail. Changes nothing on any server.
 * @throws CopyError COPY_OPTION for connections that cannot work, before any is opened; the signal's reason
 */
export const runCheck = async (request: CheckRequest): Promise<CheckReport> => {
  const { source, targets, signal, deadlineMs = DEADLINE_MS } = request
  const from = source && new Connector(source.connection, '--from')
  const to = targets.map(({ connection, name }) => new Connector(connection, `--to ${name}`))
  const bounds = { deadlineMs, signal }
  const inspected = await Promise.allSettled([
    from && source && inspectEnd(from, bounds, (client, server) => inspectSource(client, server, source)),
    ...to.map((connector, i) =>
      inspectEnd(connector, bounds, (client) => inspectTarget(client, targets[i]?.table ?? '')),
    ),
  ])
  const ends = inspected.map((end) => (end.status === 'fulfilled' ? end.value : undefined))
  await Promise.all(ends.map((end) => end?.close()))
  const failed = inspected.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  const [first, ...rest] = ends
  return reportOf(request, {
    source: first as InspectedEnd<SourceFound> | undefined,
    targets: rest as InspectedEnd<TargetFound>[],
  })
}

const reportOf = (request: CheckRequest, inspection: Inspection): CheckReport => {
  const { truncate = false, freeze = false, format } = request
  const { source } = inspection
  const facts = source?.found?.facts
  const comparison = compare(
    { server: source?.server, facts },
    inspection.targets.map(({ server, found }, i) => ({
      name: request.targets[i]?.name ?? '',
      server,
      table: found?.table,
    })),
    { truncate, freeze, format },
  )
  const from = source && sourceReport(source, comparison, format)
  const targets = targetReports(request, inspection, comparison)
  const ok = from?.ok !== false && targets.every((target) => target.ok)
  const isUsage = targets.some(({ findings }) => findings.some(({ code }) => USAGE_CODES.includes(code)))
  return {
    ok,
    status: isUsage ? 2 : ok ? 0 : 1,
    source: from,
    targets,
    format: formatOf(request, facts, comparison.columns, targets),
    copiedFrom: facts && comparison.columns && copySourceOf(facts, comparison.columns),
    estimate: source?.found?.estimate,
  }
}

const sourceReport = (
  source: InspectedEnd<SourceFound>,
  { columns }: Comparison,
  format: Format | 'auto',
): CheckedEnd => {
  const { failure, server, found } = source
  const facts = found?.facts
  return endReport('source', source, facts?.kind === 'table' ? facts.table : undefined, [
    ...(failure === undefined ? [] : [failure]),
    ...(server === undefined ? [] : compareSourceServer(server)),
    ...(found?.findings ?? []),
    ...(facts !== undefined && columns !== undefined && format === 'binary'
      ? binaryFindings({ columns, types: typesOf(facts) })
      : []),
  ])
}

const targetReports = (
  request: CheckRequest,
  { source, targets }: Inspection,
  comparison: Comparison,
): CheckedTarget[] =>
  targets.map((end, i) => {
    const findings = [
      ...(end.failure === undefined ? [] : [end.failure]),
      ...missingTableFindings(request, i, end, source),
      ...(comparison.findings[i] ?? []),
    ]
    const columns = targetColumns(source?.found?.facts, comparison.columns, end.found?.table, findings)
    return { ...endReport(request.targets[i]?.name ?? '', end, end.found?.table, findings), columns }
  })

const endReport = (
  name: string,
  { address, server }: InspectedEnd<unknown>,
  table: TableFacts | undefined,
  findings: readonly Finding[],
): CheckedEnd => ({
  name,
  address,
  server,
  table,
  findings,
  ok: findings.every(({ severity }) => severity !== 'error'),
})

const missingTableFindings = (
  { targets, before = [] }: CheckRequest,
  i: number,
  { address, found }: InspectedEnd<TargetFound>,
  source: InspectedEnd<SourceFound> | undefined,
): Finding[] => {
  const target = targets[i]
  if (found === undefined || found.table !== undefined || address === undefined || target === undefined)
    return []
  const from = source?.address && { address: source.address, facts: source.found?.facts }
  return [missingTable({ ...found, target: address, source: from, before })]
}

/**
 * The columns to load in one target, as COPY lists them. For a table that --before will create, these are the source's
 * names; a query then has no list.
 */
const targetColumns = (
  source: SourceFacts | undefined,
  columns: Readable['columns'] | undefined,
  table: TableFacts | undefined,
  findings: readonly Finding[],
): string | undefined => {
  if (source === undefined || columns === undefined || columns.length === 0) return undefined
  if (table !== undefined) return columnList(columnPairs(source, columns, table).pairs.map(({ to }) => to))
  return source.kind === 'table' && findings.some(({ code }) => code === 'table-missing')
    ? columnList(columns)
    : undefined
}

const formatOf = (
  { format, formatWhy = 'it was asked for' }: CheckRequest,
  source: SourceFacts | undefined,
  columns: Readable['columns'] | undefined,
  targets: readonly CheckedTarget[],
): FormatChoice => {
  if (format !== 'auto') return { format, why: formatWhy }
  if (source === undefined || columns === undefined) {
    return { format: 'text', why: 'nothing is known of the types at the source' }
  }
  const loadable = targets.filter(({ ok }) => ok)
  const unknown = loadable.find(({ table }) => table === undefined)
  if (unknown !== undefined) {
    return { format: 'text', why: `nothing is known of the types at ${unknown.name}` }
  }
  const types = typesOf(source)
  return chooseFormat(
    { columns, types },
    columns,
    loadable.flatMap(({ name, table }) =>
      table === undefined
        ? []
        : [{ name, types: table.types, pairs: columnPairs(source, columns, table).pairs }],
    ),
  )
}
