import pg from 'pg'
import type { Estimate } from '../../sql/copy-source.js'
import { quoteIdentifier, quoteTableName } from '../../sql/quote.js'
import { tableParts } from '../../sql/table-name.js'
import { quantity } from '../../text/figures.js'
import type { SourceFacts } from './columns.js'
import { sourceQuery } from './copy-source.js'
import type { ServerFacts, TableFacts } from './facts.js'
import { error, type Finding, listNames, warning } from './finding.js'
import { estimateQuery, inspectQuery } from './inspect-query.js'
import { inspectTable, tablesAlike } from './inspect-table.js'

/** The source to read: a table, quoted for SQL, or a query. */
export type SourceInput = { readonly table: string } | { readonly query: string }

export interface SourceFound {
  readonly facts: SourceFacts | undefined
  readonly estimate: Estimate | undefined
  readonly findings: readonly Finding[]
}

/** Reads the facts of the source, in a transaction. */
export const inspectSource = async (
  client: pg.Client,
  server: ServerFacts,
  input: SourceInput,
): Promise<SourceFound> => {
  if ('query' in input) return await inspectQuerySource(client, input.query)
  const table = await inspectTable(client, input.table)
  if (table === undefined) {
    const parts = tableParts(input.table)
    const alike = await tablesAlike(client, parts.at(-1) ?? '')
    const also = alike.length === 0 ? 'if it has a schema, name it' : `there is ${alike.join(', ')}`
    const finding = error('table-missing', `table ${parts.join('.')} does not exist; ${also}`)
    return { facts: undefined, estimate: undefined, findings: [finding] }
  }
  const facts = { kind: 'table', table } as const
  const findings = readFindings(table, server)
  const isRefused = findings.some(({ severity }) => severity === 'error')
  if (isRefused) return { facts, estimate: undefined, findings }
  return {
    facts,
    ...(await addEstimate(client, sourceQuery(facts, table.columns), findings)),
  }
}

const SYNTAX_ERROR = '42601'

const inspectQuerySource = async (client: pg.Client, text: string): Promise<SourceFound> => {
  try {
    const facts = { kind: 'query', text, ...(await inspectQuery(client, text)) } as const
    return { facts, ...(await addEstimate(client, text, [])) }
  } catch (thrown) {
    if (!(thrown instanceof pg.DatabaseError)) throw thrown
    const hint =
      thrown.code === SYNTAX_ERROR ? '; it must be one SELECT or VALUES statement that changes nothing' : ''
    const finding = error('query', `the server refuses the query: ${thrown.message}${hint}`)
    return { facts: undefined, estimate: undefined, findings: [finding] }
  }
}

/** SQLSTATE lock_not_available: lock_timeout has passed. */
const LOCK_NOT_AVAILABLE = '55P03'

/** Runs last in the transaction, since an error aborts it. */
const addEstimate = async (
  client: pg.Client,
  query: string,
  findings: readonly Finding[],
): Promise<{ estimate: Estimate | undefined; findings: readonly Finding[] }> => {
  try {
    return { estimate: await estimateQuery(client, query), findings }
  } catch (thrown) {
    if (!(thrown instanceof pg.DatabaseError)) throw thrown
    const finding =
      thrown.code === LOCK_NOT_AVAILABLE
        ? warning(
            'lock',
            'another session holds a lock on the source; the copy waits until that session releases it',
          )
        : error('source', `the source cannot be read: ${thrown.message}`)
    return { estimate: undefined, findings: [...findings, finding] }
  }
}

/** Values of pg_class.relkind for relations that can be read. */
const READABLE = 'rpvmf'

const readFindings = (table: TableFacts, { role }: ServerFacts): Finding[] => {
  const findings: Finding[] = []
  const name = quoteTableName(table)
  if (!READABLE.includes(table.kind)) return [error('kind', `${name} is no table or view, so it has no rows`)]
  if (!table.isPopulated) {
    findings.push(
      error('kind', `materialized view ${name} was never filled: REFRESH MATERIALIZED VIEW ${name}`),
    )
  }
  if (!table.hasSchemaUsage) {
    findings.push(
      error('privilege', `role "${role}" may not use schema "${table.schema}": GRANT USAGE ON SCHEMA`),
    )
  }
  const refused = table.columns.filter(({ canSelect }) => !canSelect).map((column) => column.name)
  if (refused.length > 0) {
    findings.push(
      error(
        'privilege',
        `role "${role}" may not SELECT ${listNames(refused)}: GRANT SELECT ON ${name} TO ${quoteIdentifier(role)}`,
      ),
    )
  }
  if (table.isRowSecured) {
    findings.push(
      error(
        'row-security',
        `row-level security would hide rows of ${name} from role "${role}"; connect as the owner or as a role with BYPASSRLS`,
      ),
    )
  }
  if (table.children > 0 && table.kind === 'r') {
    findings.push(
      warning(
        'inheritance',
        `${quantity(table.children, 'table inherits', 'tables inherit')} from ${name}: only its own rows are copied; for all use --query 'SELECT * FROM ${name}'`,
      ),
    )
  }
  return findings
}
