import { type ConnectionInput, Connector } from '../../index.js'
import { columnPairs, type SourceFacts, typesOf } from './catalog/columns.js'
import { columnList, copySource, type Format } from './catalog/copy-source.js'
import type { Readable, TableFacts } from './catalog/facts.js'
import type { Finding } from './catalog/finding.js'
import { type EndOptions, type InspectedEnd, inspectEnd } from './catalog/inspect-end.js'
import { inspectSource, type SourceFound } from './catalog/inspect-source.js'
import { inspectTarget, type TargetFound } from './catalog/inspect-target.js'
import { binaryFindings, chooseFormat, type FormatChoice } from './compare/choose-format.js'
import { compare, USAGE_CODES } from './compare/compare.js'
import { compareSourceServer } from './compare/compare-server.js'
import { missingTable } from './missing-table.js'
import type { CheckedEnd, CheckedTarget, CheckReport } from './report/check-report.js'

/** What is to be checked: a copy, as it was asked for. */
export interface CheckRequest {
  /** A table quoted for SQL, or a query; undefined for a file, of which nothing is known. */
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
  /** Why it is known, to stand behind "since". */
  readonly formatWhy?: string
  readonly truncate?: boolean
  readonly freeze?: boolean
  /** Statements that run first in each target. */
  readonly before?: readonly string[]
  /** For each server, in milliseconds, connecting included; 20,000 unless given. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

const DEADLINE_MS = 20_000

/**
 * Looks at the source and at all targets at once, before anything is begun, and tells everything that would fail, for all
 * of them. Changes nothing anywhere.
 * @throws CopyError COPY_OPTION for connections that cannot work, before any is opened; the signal's reason
 */
export const runCheck = async (request: CheckRequest): Promise<CheckReport> => {
  const { source, targets, signal, deadlineMs = DEADLINE_MS } = request
  const from = source && new Connector(source.connection, '--from')
  const to = targets.map(({ connection, name }) => new Connector(connection, `--to ${name}`))
  const options: EndOptions = { deadlineMs, ...(signal && { signal }) }
  const inspected = await Promise.allSettled([
    from && source && inspectEnd(from, options, (client, server) => inspectSource(client, server, source)),
    ...to.map((connector, i) =>
      inspectEnd(connector, options, (client) => inspectTarget(client, targets[i]?.table ?? '')),
    ),
  ])
  const ends = inspected.map((end) => (end.status === 'fulfilled' ? end.value : undefined))
  await Promise.all(ends.map((end) => end?.close()))
  const failed = inspected.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  const [first, ...rest] = ends
  return report(request, first as InspectedEnd<SourceFound> | undefined, rest as InspectedEnd<TargetFound>[])
}

const report = (
  request: CheckRequest,
  source: InspectedEnd<SourceFound> | undefined,
  ends: readonly InspectedEnd<TargetFound>[],
): CheckReport => {
  const { truncate = false, freeze = false, format } = request
  const facts = source?.found?.facts
  const compared = compare(
    { server: source?.server, facts },
    ends.map(({ server, found }, i) => ({
      name: request.targets[i]?.name ?? '',
      server,
      table: found?.table,
    })),
    { truncate, freeze, format },
  )
  const targets = ends.map((end, i): CheckedTarget => {
    const findings = [
      ...(end.failure === undefined ? [] : [end.failure]),
      ...missing(request, i, end, source),
      ...(compared.findings[i] ?? []),
    ]
    const columns = listOf(facts, compared.columns, end.found?.table, findings)
    return { ...ended(request.targets[i]?.name ?? '', end, end.found?.table, findings), columns }
  })
  const from =
    source &&
    ended('source', source, facts?.kind === 'table' ? facts.table : undefined, [
      ...(source.failure === undefined ? [] : [source.failure]),
      ...(source.server === undefined ? [] : compareSourceServer(source.server)),
      ...(source.found?.findings ?? []),
      ...(facts !== undefined && compared.columns !== undefined && format === 'binary'
        ? binaryFindings({ columns: compared.columns, types: typesOf(facts) })
        : []),
    ])
  const ok = from?.ok !== false && targets.every((target) => target.ok)
  const isUsage = targets.some(({ findings }) => findings.some(({ code }) => USAGE_CODES.includes(code)))
  return {
    ok,
    status: isUsage ? 2 : ok ? 0 : 1,
    source: from,
    targets,
    format: formatOf(request, facts, compared.columns, targets),
    copiedFrom: facts && compared.columns && copySource(facts, compared.columns),
    estimate: source?.found?.estimate,
  }
}

const ended = (
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

const missing = (
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

/** A table that is made only later is loaded by the source's names, or, from a query, as it comes. */
const listOf = (
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
  { format: asked, formatWhy = 'it was asked for' }: CheckRequest,
  source: SourceFacts | undefined,
  columns: Readable['columns'] | undefined,
  targets: readonly CheckedTarget[],
): FormatChoice => {
  if (asked !== 'auto') return { format: asked, why: formatWhy }
  if (source === undefined || columns === undefined) {
    return { format: 'text', why: 'nothing is known of the types at the source' }
  }
  const well = targets.filter(({ ok }) => ok)
  const unknown = well.find(({ table }) => table === undefined)
  if (unknown !== undefined) {
    return { format: 'text', why: `nothing is known of the types at ${unknown.name}` }
  }
  const types = typesOf(source)
  return chooseFormat(
    { columns, types },
    columns,
    well.flatMap(({ name, table }) =>
      table === undefined
        ? []
        : [{ name, types: table.types, pairs: columnPairs(source, columns, table).pairs }],
    ),
  )
}
