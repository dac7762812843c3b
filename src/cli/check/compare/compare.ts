import type { Format } from '../../sql/copy-source.js'
import { type SourceFacts, sourceColumns } from '../catalog/columns.js'
import type { Readable, ServerFacts, TableFacts } from '../catalog/facts.js'
import { error, type Finding } from '../catalog/finding.js'
import { compareColumns } from './compare-columns.js'
import { compareTargetServer } from './compare-server.js'
import { compareTable, type LoadOptions } from './compare-table.js'

/** A target's server and table; undefined for facts that the check could not read. */
export interface ComparedEnd {
  readonly name: string
  readonly server: ServerFacts | undefined
  readonly table: TableFacts | undefined
}

/** The source and its server; `facts` is undefined for a file, and when the check could not read them. */
export interface ComparedSource {
  readonly server: ServerFacts | undefined
  readonly facts: SourceFacts | undefined
}

/** Codes of findings that are errors of usage. */
export const USAGE_CODES: readonly string[] = ['same-as-source', 'same-target']

export interface Comparison {
  /** The columns of the stream; undefined if they are unknown. */
  readonly columns: Readable['columns'] | undefined
  /** The findings for each target, in their order. */
  readonly findings: readonly (readonly Finding[])[]
}

/** Compares a source with all its targets. Facts that could not be read have findings elsewhere. */
export const compare = (
  source: ComparedSource,
  targets: readonly ComparedEnd[],
  { format, ...load }: LoadOptions & { readonly format: Format | 'auto' },
): Comparison => {
  const tables = targets.map(({ table }) => table).filter((table) => table !== undefined)
  const columns = source.facts && sourceColumns(source.facts, tables)
  const findings = targets.map((target, i) => {
    const { server, table } = target
    if (server === undefined) return []
    return [
      ...compareTargetServer(server, source.server),
      ...(table === undefined ? [] : compareTable(table, server, load)),
      ...(table === undefined || columns === undefined || source.facts === undefined
        ? []
        : compareColumns(source.facts, columns, table, format)),
      ...duplicateTargets(source, target, targets.slice(0, i)),
    ]
  })
  return { columns, findings }
}

const duplicateTargets = (
  source: ComparedSource,
  target: ComparedEnd,
  before: readonly ComparedEnd[],
): Finding[] => {
  const findings: Finding[] = []
  if (source.facts?.kind === 'table') {
    const { table } = source.facts
    if (isSameTable({ server: source.server, table }, target)) {
      findings.push(error('same-as-source', 'this is the source: a table cannot be copied into itself'))
    }
  }
  const twin = before.find((other) => isSameTable(other, target))
  if (twin !== undefined) {
    findings.push(error('same-target', `this is the same table as ${twin.name}; give each target once`))
  }
  return findings
}

type Place = Pick<ComparedEnd, 'server' | 'table'>

/**
 * Whether two tables are the same, or one is a partition of the other. Physical copies of a server share its system
 * identifier and table oids, but not its start.
 */
const isSameTable = (a: Place, b: Place): boolean => {
  if (a.server === undefined || b.server === undefined || a.table === undefined || b.table === undefined) {
    return false
  }
  return (
    a.server.instance === b.server.instance &&
    a.server.system === b.server.system &&
    a.server.databaseOid === b.server.databaseOid &&
    (a.table.oid === b.table.oid ||
      a.table.ancestors.includes(b.table.oid) ||
      b.table.ancestors.includes(a.table.oid))
  )
}
