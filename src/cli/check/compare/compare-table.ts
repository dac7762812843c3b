import { quoteIdentifier, quoteTableName } from '../../sql/quote.js'
import { quantity } from '../../text/figures.js'
import type { ServerFacts, TableFacts } from '../catalog/facts.js'
import { error, type Finding, listNames, note, warning } from '../catalog/finding.js'

/** The options of the copy that matter here. */
export interface LoadOptions {
  readonly truncate: boolean
  readonly freeze: boolean
}

const KINDS: Readonly<Record<string, string>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
  i: 'index',
  I: 'index',
  S: 'sequence',
  t: 'TOAST table',
  c: 'composite type',
}

/** The kind of a relation in words, e.g. `partitioned table`. */
export const kindOf = ({ kind }: TableFacts): string => KINDS[kind] ?? `relation of kind ${kind}`

/** Findings for a table to load that do not depend on the source. */
export const compareTable = (table: TableFacts, server: ServerFacts, options: LoadOptions): Finding[] => [
  ...kind(table),
  ...privileges(table, server, options),
  ...triggers(table),
  ...foreignKeys(table, options),
  ...freezing(table, options),
  ...truncateFindings(table, options),
  ...locks(table, options),
  ...postLoadNotes(table),
]

const kind = (table: TableFacts): Finding[] => {
  if (table.kind === 'p') {
    if (table.partitions === 0) {
      return [
        error(
          'partitions',
          'the table has no partition, so no row can be loaded; create its partitions first',
        ),
      ]
    }
    return [
      note(
        'partitions',
        `the table has ${quantity(table.partitions, 'partition')}${table.hasDefaultPartition ? '' : ' and no default partition: a row without a partition makes the copy fail'}`,
      ),
    ]
  }
  if (table.kind === 'r' || table.kind === 'f') return []
  if (table.kind === 'v' && table.insertTriggers.some(({ isInsteadOf }) => isInsteadOf)) return []
  const why = table.kind === 'v' ? ' without an INSTEAD OF INSERT trigger' : ''
  return [error('kind', `${table.schema}.${table.name} is a ${kindOf(table)}${why}, which COPY cannot load`)]
}

const privileges = (table: TableFacts, { role }: ServerFacts, { truncate }: LoadOptions): Finding[] => {
  const findings: Finding[] = []
  const grant = (what: string, on: string): string => `GRANT ${what} ON ${on} TO ${quoteIdentifier(role)}`
  if (!table.hasSchemaUsage) {
    const schema = quoteIdentifier(table.schema)
    findings.push(
      error(
        'privilege',
        `role "${role}" may not use schema ${schema}: ${grant('USAGE', `SCHEMA ${schema}`)}`,
      ),
    )
  }
  if (truncate && !table.canTruncate && table.kind !== 'v') {
    findings.push(
      error(
        'privilege',
        `role "${role}" may not empty the table: ${grant('TRUNCATE', quoteTableName(table))}`,
      ),
    )
  }
  if (table.isRowSecured) {
    findings.push(
      error(
        'row-security',
        `row-level security applies to role "${role}", and COPY FROM is refused then; connect as the owner or as a role with BYPASSRLS`,
      ),
    )
  }
  return findings
}

const triggers = ({ insertTriggers, insertRules, kind }: TableFacts): Finding[] => {
  const findings: Finding[] = []
  const before = insertTriggers.filter(({ isBeforeRow }) => isBeforeRow)
  const others = insertTriggers.filter(({ isBeforeRow, isInsteadOf }) => !isBeforeRow && !isInsteadOf)
  if (before.length > 0) {
    const names = listNames(before.map(({ name }) => name))
    findings.push(
      warning(
        'trigger',
        `BEFORE INSERT ${before.length === 1 ? 'trigger' : 'triggers'} ${names} may change or drop rows; with fewer rows than the source, this target is rolled back`,
      ),
    )
  }
  if (others.length > 0) {
    const names = listNames(others.map(({ name }) => name))
    findings.push(
      warning(
        'trigger',
        `INSERT ${others.length === 1 ? 'trigger' : 'triggers'} ${names} will fire for the loaded rows`,
      ),
    )
  }
  if (insertRules.length > 0 && kind !== 'v') {
    findings.push(
      warning(
        'rule',
        `INSERT ${insertRules.length === 1 ? 'rule' : 'rules'} ${listNames(insertRules)}: COPY does not follow rules`,
      ),
    )
  }
  return findings
}

const foreignKeys = ({ refersTo, referredBy }: TableFacts, { truncate }: LoadOptions): Finding[] => {
  const findings: Finding[] = []
  if (refersTo.length > 0) {
    findings.push(
      warning(
        'foreign-key',
        `foreign keys refer to ${listNames(refersTo)}: a row that is missing there makes the copy fail`,
      ),
    )
  }
  if (truncate && referredBy.length > 0) {
    findings.push(
      error(
        'foreign-key',
        `${listNames(referredBy)} refer to the table by foreign keys, so PostgreSQL refuses TRUNCATE; use --before 'DELETE FROM …' instead of --truncate, or drop the keys`,
      ),
    )
  }
  return findings
}

const freezing = ({ kind }: TableFacts, { freeze, truncate }: LoadOptions): Finding[] => {
  if (!freeze) return []
  if (kind !== 'r')
    return [error('freeze', `FREEZE is refused for a ${KINDS[kind] ?? kind}; leave out --freeze`)]
  if (truncate) return []
  return [
    error(
      'freeze',
      'FREEZE needs a table that was created or truncated in the same transaction: add --truncate',
    ),
  ]
}

const truncateFindings = ({ kind, truncateTriggers }: TableFacts, { truncate }: LoadOptions): Finding[] => {
  if (!truncate) return []
  if (kind === 'v') return [error('truncate', 'a view cannot be emptied; leave out --truncate')]
  if (truncateTriggers.length === 0) return []
  return [warning('trigger', `TRUNCATE triggers ${listNames(truncateTriggers)} will fire`)]
}

const locks = ({ blockers }: TableFacts, { truncate }: LoadOptions): Finding[] => {
  const count = truncate ? blockers.truncate : blockers.load
  if (count === 0) return []
  return [
    warning(
      'lock',
      `${quantity(count, 'other session holds', 'other sessions hold')} a lock on the table; the copy waits until the lock is released`,
    ),
  ]
}

const postLoadNotes = ({ columns, isUnlogged }: TableFacts): Finding[] => {
  const findings: Finding[] = []
  const names = columns.filter(({ hasSequence }) => hasSequence).map(({ name }) => name)
  if (names.length > 0) {
    findings.push(
      note(
        'sequence',
        `COPY does not move the sequence of ${listNames(names)}: call setval in --after, or later inserts may collide`,
      ),
    )
  }
  if (isUnlogged) {
    findings.push(
      note(
        'unlogged',
        'the table is UNLOGGED: a crash of the server empties it, and standbys do not have its rows',
      ),
    )
  }
  return findings
}
