// The main job on real servers: copies one table into three other servers at once. One of them fails and is loaded again.
// Run: `npm run demo`.
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CopyManager,
  type CopyStats,
  type Receiver,
  type ReceiverFault,
  StatementProducer,
  StatementReceiver,
} from '../../src/index.js'
import type { Server } from '../postgres/server.js'
import { startServers } from '../postgres/servers.js'
import { type Digest, digestOf } from './digest.js'
import { Progress } from './progress.js'

const ROWS = 1_000_000
/** Share of the rows after which the backend of one target is killed. */
const KILL_AT = 0.4
const LOOK_MS = 20
const NAMES = ['source', 'berlin', 'nairobi', 'osaka']

const TABLE = `CREATE TABLE orders (
  id bigint NOT NULL, placed timestamptz NOT NULL, customer int NOT NULL, country text NOT NULL,
  amount numeric(12,2) NOT NULL, currency char(3) NOT NULL, note text, tags text[] NOT NULL)`

const SAMPLE = `INSERT INTO orders
  SELECT i, timestamptz '2026-01-01 00:00+00' + i * interval '31 seconds', (i * 7919) % 50000,
         (ARRAY['Deutschland','Kenya','日本','Türkiye','Brasil'])[1 + i % 5],
         ((i * 104729) % 1000000) / 100.0, (ARRAY['EUR','KES','JPY'])[1 + i % 3],
         CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'gift' || chr(9) || 'wrapped' WHEN 2 THEN 'line one' || chr(10) || 'line two'
              ELSE md5(i::text) END,
         ARRAY['web', 'q' || i % 4]
  FROM generate_series(1::bigint, ${ROWS}) AS i`

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const seconds = (since: number): string => ((performance.now() - since) / 1000).toFixed(1)

/** Waits until the target has KILL_AT of the rows, then ends its backend, as an administrator or a crash would. */
const killInMidCopy = async (target: Server, stats: () => CopyStats): Promise<void> => {
  const rowsOf = (): number => stats().receivers.find(({ name }) => name === target.name)?.messages ?? 0
  while (rowsOf() < ROWS * KILL_AT) await sleep(LOOK_MS)
  await target.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY orders%'`)
}

const load = async (source: Server, targets: readonly Server[]): Promise<void> => {
  const producer = new StatementProducer({
    connection: source.connection,
    statement: 'COPY orders TO STDOUT',
  })
  const before = ['TRUNCATE orders']
  const receivers = targets.map(
    ({ connection, name }) =>
      new StatementReceiver({ connection, name, statement: 'COPY orders FROM STDIN', before }),
  )
  const manager = new CopyManager(producer, receivers)
  const progress = new Progress(process.stderr, ROWS, () => manager.stats())
  const killing = killInMidCopy(targets.at(-1) as Server, () => manager.stats())
  const onFault = async ({ faults }: ReceiverFault<Receiver>): Promise<void> => {
    for (const [receiver, fault] of faults) {
      progress.say(`\n  FAULT   ${fault.receiver}: ${fault.message} (SQLSTATE ${fault.sqlState ?? 'none'})`)
      await manager.reconcile(receiver, { from: 'start' })
      progress.say(
        `  RECONCILED from the start: ${fault.receiver} waits for a second pass over the same snapshot.\n`,
      )
    }
  }
  try {
    const result = await manager.run({ onFault })
    await killing
    progress.end()
    const mib = (result.bytes / 1024 / 1024).toFixed(0)
    const passes = result.receivers.map(({ name, passes }) => `${name} ${passes}`).join(', ')
    say(
      `\n${result.rows?.toLocaleString('en')} rows, ${mib} MiB each, in ${result.seconds.toFixed(1)} s. Passes: ${passes}.`,
    )
    if (result.receivers.at(-1)?.passes !== 2)
      throw new Error('the killed target did not take part in exactly two passes')
  } catch (error) {
    progress.end()
    throw error
  }
}

const compare = (servers: readonly Server[], digests: readonly Digest[]): boolean => {
  say('\nWhat each server reports (row count, and a hash that does not depend on the order of rows):')
  const [first] = digests
  let equal = true
  servers.forEach(({ name }, i) => {
    const { rows, hash } = digests[i] as Digest
    const same = rows === first?.rows && hash === first.hash
    equal &&= same
    say(
      `  ${name.padEnd(8)} ${Number(rows).toLocaleString('en').padStart(11)} rows  ${hash.padStart(24)}  ${same ? 'equal' : 'DIFFERENT'}`,
    )
  })
  return equal
}

const demo = async (): Promise<boolean> => {
  const began = performance.now()
  say('copyman reads one COPY stream and loads any number of PostgreSQL servers from it at once.\n')
  const servers = await startServers({ count: NAMES.length, names: NAMES })
  try {
    const [source, ...targets] = servers as unknown as [Server, ...Server[]]
    say(
      `Started ${servers.length} throw-away PostgreSQL ${source.version} servers in ${seconds(began)} s: ${NAMES.join(', ')}.`,
    )
    await Promise.all(servers.map((server) => server.query(TABLE)))
    const filling = performance.now()
    await source.query(SAMPLE)
    say(
      `Filled the table orders on ${source.name} with ${ROWS.toLocaleString('en')} rows in ${seconds(filling)} s.`,
    )
    say(
      `\nCopying it to ${targets.map(({ name }) => name).join(', ')}. Each target has its own worker thread; lag is the data that it has not taken yet.\nIn mid-copy the backend of ${targets.at(-1)?.name} is killed. The others go on, and it is loaded again:\n`,
    )
    await load(source, targets)
    const equal = compare(servers, await Promise.all(servers.map((server) => digestOf(server, 'orders'))))
    say(
      equal
        ? `\nAll four are equal. The whole demo took ${seconds(began)} s.`
        : '\nNot all are equal: the demo FAILED.',
    )
    return equal
  } finally {
    await servers.stop()
  }
}

process.exitCode = (await demo()) ? 0 : 1
