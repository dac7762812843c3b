import pg from 'pg'
import { quoteIdentifier, quoteTableName } from '../../sql/quote.js'
import { tableParts } from '../../sql/table-name.js'
import type { SourceFacts } from './columns.js'
import { sourceQuery } from './copy-source.js'
import type { ServerFacts, TableFacts } from './facts.js'
import { error, type Finding, listNames, plural, warning } from './finding.js'
import { type Estimate, estimateQuery, inspectQuery } from './inspect-query.js'
import { inspectTable, tablesAlike } from './inspect-table.js'

/** What is to be read: a table by its quoted name, or a query. */
export type SourceInput = { readonly table: string } | { readonly query: string }

export interface SourceFound {
  readonly facts: SourceFacts | undefined
  readonly estimate: Estimate | undefined
  readonly findings: readonly Finding[]
}

/** Looks at what is to be read, in a transaction. */
export const inspectSource = async (
  client: pg.Client,
  server: ServerFacts,
  input: SourceInput,
): Promise<SourceFound> => {
  if ('query' in input) return await queryFound(client, input.query)
  const table = await inspectTable(client, input.table)
  if (table === undefined) {
    const parts = tableParts(input.table)
    const alike = await tablesAlike(client, parts.at(-1) ?? '')
    const also = alike.length === 0 ? 'name its schema, if it has one' : `there is ${alike.join(', ')}`
    const finding = error('table-missing', `table ${parts.join('.')} does not exist; ${also}`)
    return { facts: undefined, estimate: undefined, findings: [finding] }
  }
  const facts = { kind: 'table', table } as const
  const findings = readable(table, server)
  const isRefused = findings.some(({ severity }) => severity === 'error')
  if (isRefused) return { facts, estimate: undefined, findings }
  return {
    facts,
    ...(await estimated(client, sourceQuery(facts, table.columns), findings)),
  }
}

const SYNTAX_ERROR = '42601'

const queryFound = async (client: pg.Client, text: string): Promise<SourceFound> => {
  try {
    const facts = { kind: 'query', text, ...(await inspectQuery(client, text)) } as const
    return { facts, ...(await estimated(client, text, [])) }
  } catch (thrown) {
    if (!(thrown instanceof pg.DatabaseError)) throw thrown
    const hint = thrown.code === SYNTAX_ERROR ? '; it must be one SELECT or VALUES that changes nothing' : ''
    const finding = error('query', `the query is refused: ${thrown.message}${hint}`)
    return { facts: undefined, estimate: undefined, findings: [finding] }
  }
}

/** Held by somebody for longer than we wait. */
const LOCK_NOT_AVAILABLE = '55P03'

/** Its last question to the server: an error ends the transaction. */
const estimated = async (
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
        ? warning('lock', 'somebody holds a lock on the source; the copy waits until they let go')
        : error('source', `the source cannot be read: ${thrown.message}`)
    return { estimate: undefined, findings: [...findings, finding] }
  }
}

/** Kinds of pg_class.relkind that give rows. */
const READABLE = 'rpvmf'

const readable = (table: TableFacts, { role }: ServerFacts): Finding[] => {
  const findings: Finding[] = []
  const name = quoteTableName(table)
  if (!READABLE.includes(table.kind))
    return [error('kind', `${name} is no table or view, so it gives no rows`)]
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
        `${plural(table.children, 'table inherits', 'tables inherit')} from ${name}: only its own rows are copied; for all use --query 'SELECT * FROM ${name}'`,
      ),
    )
  }
  return findings
}
