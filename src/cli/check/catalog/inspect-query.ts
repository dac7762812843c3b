import type pg from 'pg'
import type { Estimate } from '../../sql/copy-source.js'
import type { Readable } from './facts.js'
import { inspectTypes } from './inspect-types.js'

/** The extended protocol refuses a text with more than one statement. */
const singleStatement = (text: string): pg.QueryConfig => ({ text, queryMode: 'extended' }) as pg.QueryConfig

/**
 * The columns of a query's result, without running the query. Needs a transaction.
 * @throws pg.DatabaseError for a query that the server refuses
 */
export const inspectQuery = async (client: pg.Client, query: string): Promise<Readable> => {
  await client.query(singleStatement(`DECLARE copyman_check NO SCROLL CURSOR FOR ${query}`))
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
 * The size of a query's result, as the planner guesses. Planning also shows errors of the run, e.g. by row-level security.
 * @throws pg.DatabaseError
 */
export const estimateQuery = async (client: pg.Client, query: string): Promise<Estimate> => {
  const { rows } = await client.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(
    singleStatement(`EXPLAIN (FORMAT JSON) ${query}`),
  )
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan
  const count = plan?.['Plan Rows'] ?? 0
  return { rows: count, bytes: count * (plan?.['Plan Width'] ?? 0) }
}
