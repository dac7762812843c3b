import type { ServerAddress } from '../../index.js'
import { quoteIdentifier, quoteShell, quoteTableName } from '../sql/quote.js'
import type { SourceFacts } from './catalog/columns.js'
import { error, type Finding, warning } from './catalog/finding.js'

/** A table that does not exist at a target. */
export interface MissingTable {
  /** The parts of the name in the request: table, or schema and table. */
  readonly parts: readonly string[]
  readonly target: ServerAddress
  /** Whether the schema does not exist either. */
  readonly lacksSchema: boolean
  /** Tables at the target whose names differ in schema or case only. */
  readonly alike: readonly string[]
  readonly source: { readonly address: ServerAddress; readonly facts: SourceFacts | undefined } | undefined
  /** Statements that run first, and may create the table. */
  readonly before: readonly string[]
}

/** A finding with a command that creates the table. */
export const missingTable = (missing: MissingTable): Finding => {
  const { parts, alike, before } = missing
  const name = parts.join('.')
  const also = alike.length === 0 ? '' : `; there is ${alike.join(', ')}`
  if (before.length > 0) {
    return warning('table-missing', `table ${name} does not exist, so --before must make it${also}`)
  }
  return error('table-missing', `table ${name} does not exist${also}. To make it: ${recipe(missing)}`)
}

const recipe = ({ parts, target, lacksSchema, source }: MissingTable): string => {
  const wanted = parts.map(quoteIdentifier).join('.')
  const psql = `psql -d ${quoteShell(plainUrl(target))}`
  const schema = parts.length > 1 ? (parts[0] as string) : undefined
  const first =
    lacksSchema && schema !== undefined
      ? `${psql} -c ${quoteShell(`CREATE SCHEMA ${quoteIdentifier(schema)}`)} && `
      : ''
  if (source?.facts?.kind === 'table') {
    const { table } = source.facts
    const isSameName = parts.at(-1) === table.name && (schema ?? table.schema) === table.schema
    if (isSameName && ['r', 'p', 'f'].includes(table.kind)) {
      // quoted, since -t of pg_dump is a pattern
      const dump = `pg_dump -s -t ${quoteShell(quoteTableName(table))} -d ${quoteShell(plainUrl(source.address))}`
      return `${first}${dump} | ${psql}`
    }
  }
  if (source?.facts === undefined) return 'run CREATE TABLE there'
  const { columns } = source.facts.kind === 'table' ? source.facts.table : source.facts
  const list = columns.map(({ name, typeName }) => `${quoteIdentifier(name)} ${typeName}`).join(', ')
  return `${first}${psql} -c ${quoteShell(`CREATE TABLE ${wanted} (${list})`)}`
}

/** A URL for psql and pg_dump, without the password: these programs find it where copyman did, or ask for it. */
const plainUrl = ({ host, port, user, database }: ServerAddress): string => {
  const name = encodeURIComponent(host)
  const place = host.includes(':') && !host.startsWith('/') ? `[${host}]` : name
  return `postgres://${encodeURIComponent(user)}@${place}:${port}/${encodeURIComponent(database)}`
}
