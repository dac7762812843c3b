// Runs the same job by pg-copy-streams, piped to each target as its documentation shows: argv[2] is a JSON EngineJob.
import { finished } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { EngineJob } from './engine.js'

const { from, to } = JSON.parse(process.argv[2] as string) as EngineJob
const connect = async (connectionString: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query('BEGIN')
  return client
}
const source = await connect(from.connection)
const targets = await Promise.all(to.map(({ connection }) => connect(connection)))
const begun = performance.now()
const ends = targets.map((client, i) => client.query(copyFrom(to[i]?.statement as string)))
const rows = source.query(copyTo(from.statement))
for (const end of ends) rows.pipe(end)
rows.on('error', (error) => {
  for (const end of ends) end.destroy(error)
})
await Promise.all(ends.map((end) => finished(end)))
await Promise.all(targets.map((client) => client.query('COMMIT')))
const wall = (performance.now() - begun) / 1000
await Promise.all([source, ...targets].map((client) => client.end()))
console.log(JSON.stringify({ wall }))
