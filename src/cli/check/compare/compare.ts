import { type SourceFacts, sourceColumns } from '../catalog/columns.js'
import type { Format } from '../catalog/copy-source.js'
import type { Readable, ServerFacts, TableFacts } from '../catalog/facts.js'
import { error, type Finding } from '../catalog/finding.js'
import { compareColumns } from './compare-columns.js'
import { compareTargetServer } from './compare-server.js'
import { compareTable, type LoadOptions } from './compare-table.js'

/** A table on its server, so far as they were found. */
export interface ComparedEnd {
  readonly name: string
  readonly server: ServerFacts | undefined
  readonly table: TableFacts | undefined
}

/** What is read, and where; `facts` is undefined where nothing is known of it, such as a file. */
export interface ComparedSource {
  readonly server: ServerFacts | undefined
  readonly facts: SourceFacts | undefined
}

/** Codes of findings that say that the call itself is wrong. */
export const USAGE_CODES: readonly string[] = ['same-as-source', 'same-target']

export interface Comparison {
  /** The columns of the stream, where they are known. */
  readonly columns: Readable['columns'] | undefined
  /** Of each target, in their order: everything that would keep it from being loaded as meant. */
  readonly findings: readonly (readonly Finding[])[]
}

/** Holds a source against all its targets; what could not be found is told elsewhere. */
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

/** Also where one is a partition of the other. Copies of a server's files have its identity, but not its start. */
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
