import type pg from 'pg'
import type { Readable } from './facts.js'
import { inspectTypes } from './inspect-types.js'

/** How much a query will give, as the planner guesses. */
export interface Estimate {
  readonly rows: number
  readonly bytes: number
}

/** The extended protocol lets through one statement only, whatever a user's query holds. */
const alone = (text: string): pg.QueryConfig => ({ text, queryMode: 'extended' }) as pg.QueryConfig

/**
 * The columns that a query gives, without running it. To be called in a transaction.
 * @throws what the server says of a query that it refuses
 */
export const inspectQuery = async (client: pg.Client, query: string): Promise<Readable> => {
  await client.query(alone(`DECLARE copyman_check NO SCROLL CURSOR FOR ${query}`))
  const { fields } = await client.query('FETCH 0 FROM copyman_check')
  const oids = fields.map(({ dataTypeID }) => String(dataTypeID))
  const typmods = fields.map(({ dataTypeModifier }) => dataTypeModifier)
  const { rows } = await client.query<{ name: string }>(
    `SELECT pg_catalog.format_type(oid, typmod) AS name
    FROM ROWS FROM (unnest($1::oid[]), unnest($2::int[])) WITH ORDINALITY AS t(oid, typmod, position) ORDER BY position`,
    [oids, typmods],
  )
  const columns = fields.map(({ name }, i) => ({
    name,
    type: oids[i] as string,
    typmod: typmods[i] as number,
    typeName: rows[i]?.name ?? '?',
  }))
  return { columns, types: await inspectTypes(client, oids) }
}

interface Plan {
  readonly 'Plan Rows': number
  readonly 'Plan Width': number
}

/**
 * What the planner expects of a query. It also shows what would refuse it when it is run, such as row-level security.
 * @throws what the server says
 */
export const estimateQuery = async (client: pg.Client, query: string): Promise<Estimate> => {
  const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
    alone(`EXPLAIN (FORMAT JSON) ${query}`),
  )
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
  const count = plan?.['Plan Rows'] ?? 0
  return { rows: count, bytes: count * (plan?.['Plan Width'] ?? 0) }
}
