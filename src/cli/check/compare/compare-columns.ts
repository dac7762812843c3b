import type { Format } from '../../sql/copy-source.js'
import { quantity } from '../../text/figures.js'
import { columnPairs, type SourceFacts, typesOf } from '../catalog/columns.js'
import type { ColumnFacts, Readable, TableFacts } from '../catalog/facts.js'
import { error, type Finding, listNames, note, warning } from '../catalog/finding.js'
import { compareTypes } from './compare-types.js'

/** Compares the columns of the source and of one target: names, number, types, order, NULL and privileges. */
export const compareColumns = (
  source: SourceFacts,
  columns: Readable['columns'],
  target: TableFacts,
  format: Format | 'auto',
): Finding[] => {
  const { pairs, byName } = columnPairs(source, columns, target)
  const stored = target.columns.filter(({ isGenerated }) => !isGenerated)
  if (!byName && (pairs.length !== columns.length || columns.length !== stored.length)) {
    return [
      error(
        'column-number',
        `the query gives ${quantity(columns.length, 'column')} and the table stores ${stored.length}; to load only some, name them as in the table`,
      ),
    ]
  }
  const sourceTypes = typesOf(source)
  return [
    ...(byName ? findingsByName(columns, target) : findingsByPosition(columns, stored)),
    ...unloadedColumns(source, target, new Set(pairs.map(({ to }) => to.name))),
    ...pairs.flatMap((pair) => compareTypes(pair, sourceTypes, target.types, format)),
    ...nulls(
      source,
      pairs.map(({ to }) => to),
    ),
    ...privileges(pairs.map(({ to }) => to)),
  ]
}

const findingsByName = (columns: Readable['columns'], target: TableFacts): Finding[] => {
  const findings: Finding[] = []
  const positions: number[] = []
  for (const { name, typeName } of columns) {
    const position = target.columns.findIndex((column) => column.name === name)
    const there = target.columns[position]
    if (there === undefined) {
      findings.push(
        error(
          'column-missing',
          `column "${name}" (${typeName}) is missing here; add it, or select the columns to copy with --query`,
        ),
      )
    } else if (there.isGenerated) {
      findings.push(
        error(
          'column-generated',
          `column "${name}" is generated here, but stored at the source or at other targets, so it cannot be loaded; leave it out with --query`,
        ),
      )
    } else {
      positions.push(position)
    }
  }
  if (positions.some((position, i) => i > 0 && position < (positions[i - 1] as number))) {
    findings.push(note('column-order', 'the columns have another order here; each is loaded by its name'))
  }
  return findings
}

const findingsByPosition = (columns: Readable['columns'], stored: readonly ColumnFacts[]): Finding[] => {
  if (columns.length === 1) return []
  const into = columns.map(({ name }, i) => `${name} into ${stored[i]?.name}`)
  return [
    warning(
      'column-names',
      `the query's columns do not have the names of the table's columns, so they are loaded by position: ${into.slice(0, 5).join(', ')}${into.length > 5 ? ' …' : ''}`,
    ),
  ]
}

/** Findings for columns of the target that are not in the stream. */
const unloadedColumns = (source: SourceFacts, target: TableFacts, loaded: ReadonlySet<string>): Finding[] => {
  const left = target.columns.filter(({ name, isGenerated }) => !loaded.has(name) && !isGenerated)
  const required = left.filter(({ isNotNull, hasDefault }) => isNotNull && !hasDefault)
  const others = left.filter((column) => !required.includes(column))
  const findings = required.map(({ name, typeName }) =>
    error(
      'column-required',
      `column "${name}" (${typeName}) is NOT NULL without a default, and the copy has no values for it; add a default, or values with --query`,
    ),
  )
  // columns that the source has and the copy leaves out get a finding below
  const extra = source.kind === 'table' ? others.filter((column) => !isIn(source.table, column)) : others
  if (extra.length > 0) {
    findings.push(
      note('column-extra', `${columnsNamed(extra)} not in the source: they get their default, or NULL`),
    )
  }
  const stored = source.kind === 'table' ? others.filter((column) => isIn(source.table, column)) : []
  if (stored.length > 0) {
    findings.push(
      error(
        'column-generated',
        `${columnsNamed(stored)} generated at the source and at other targets, but stored here; copy into this target alone`,
      ),
    )
  }
  return findings
}

const isIn = (table: TableFacts, { name }: ColumnFacts): boolean =>
  table.columns.some((column) => column.name === name)

const columnsNamed = (columns: readonly ColumnFacts[]): string => {
  const names = listNames(columns.map(({ name }) => name))
  return columns.length === 1 ? `column ${names} is` : `columns ${names} are`
}

/** NULLs in columns that are NOT NULL at the target. Only tables are compared: columns of queries and views have no NOT NULL. */
const nulls = (source: SourceFacts, loaded: readonly ColumnFacts[]): Finding[] => {
  if (source.kind !== 'table' || !['r', 'p'].includes(source.table.kind)) return []
  const nullable = source.table.columns.filter(({ isNotNull }) => !isNotNull)
  const strict = loaded.filter(
    ({ name, isNotNull }) => isNotNull && nullable.some((column) => column.name === name),
  )
  if (strict.length === 0) return []
  return [
    warning(
      'column-null',
      `${columnsNamed(strict)} NOT NULL here but not at the source; a NULL fails the copy`,
    ),
  ]
}

const privileges = (loaded: readonly ColumnFacts[]): Finding[] => {
  const refused = loaded.filter(({ canInsert }) => !canInsert)
  if (refused.length === 0) return []
  const names = listNames(refused.map(({ name }) => name))
  return [error('privilege', `the role may not INSERT into ${names}: GRANT INSERT ON the table TO the role`)]
}
