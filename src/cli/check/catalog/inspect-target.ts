import type pg from 'pg'
import { tableParts } from '../../sql/table-name.js'
import type { TableFacts } from './facts.js'
import { hasSchema, inspectTable, tablesAlike } from './inspect-table.js'

export interface TargetFound {
  readonly table: TableFacts | undefined
  /** The parts of the name in the request: table, or schema and table. */
  readonly parts: readonly string[]
  /** False for a table that exists. */
  readonly lacksSchema: boolean
  readonly alike: readonly string[]
}

/** Reads the facts of the table to load, in a transaction. */
export const inspectTarget = async (client: pg.Client, name: string): Promise<TargetFound> => {
  const parts = tableParts(name)
  const table = await inspectTable(client, name)
  if (table !== undefined) return { table, parts, lacksSchema: false, alike: [] }
  const schema = parts.length > 1 ? (parts[0] as string) : undefined
  return {
    table,
    parts,
    lacksSchema: schema !== undefined && !(await hasSchema(client, schema)),
    alike: await tablesAlike(client, parts.at(-1) ?? ''),
  }
}
