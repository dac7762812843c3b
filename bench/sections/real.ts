import { digestOf } from '../../scripts/demo/digest.js'
import { type Servers, startServers } from '../../scripts/postgres/servers.js'
import { type Contender, copyman, psqlTee } from '../contenders.js'
import { CELL_HEADS, cellsOf, spread } from '../measure/figures.js'
import { column, inTurn, type Sample, type Samples } from '../measure/in-turn.js'
import { median, pairedRatio } from '../measure/statistics.js'
import type { BenchOptions } from '../options.js'
import type { EngineJob } from '../programs/engine.js'
import { atMost, type Bar, type Chart, type Section, type Table } from '../report/section.js'
import { coresTable } from './cores.js'

const MIB = 1024 * 1024
const ROWS_PER_MIB = 9000
/** Real servers are slow, so they get only this part of the data that null ends get. */
const SHARE = 16
/** The runs that the bars judge get this part: more, so that the start of processes matters less. */
const LARGE_SHARE = 4
const TARGETS = [1, 2, 3]

type Format = 'text' | 'binary'

/** A contender, the format it uses, and its name in the results. */
type Entry = readonly [name: string, contender: Contender, format: Format]

const OURS: readonly Entry[] = [
  ['copyman, text', copyman, 'text'],
  ['copyman, binary', copyman, 'binary'],
]

const inText = (peer: Contender): Entry => [`${peer.name}, text`, peer, 'text']

const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
}

/** Fills the source's table. @returns the bytes of the rows as text */
const fill = async ([source]: Servers, rows: number): Promise<number> => {
  await source?.query('TRUNCATE t')
  await source?.query(`
    INSERT INTO t
    SELECT i, timestamptz '2024-01-01' + i * interval '1 second', i % 1000, md5(i::text), i / 7.0, repeat('n', i % 60)
    FROM generate_series(1, ${rows}) AS i`)
  await source?.query('VACUUM ANALYZE t')
  const [size] = (await source?.query('SELECT sum(length(t::text)) AS bytes FROM t')) ?? []
  return Number(size?.bytes)
}

const jobOf = (servers: Servers, targets: number, format: Format): EngineJob => {
  const options = format === 'binary' ? ' (FORMAT binary)' : ''
  const [source, ...rest] = servers.map(({ url }) => url)
  return {
    from: { connection: source as string, statement: `COPY t TO STDOUT${options}` },
    to: rest
      .slice(0, targets)
      .map((connection) => ({ connection, statement: `COPY t FROM STDIN${options}` })),
  }
}

/** Truncates the targets outside the timing, runs the contender, and checks that every target has all rows. */
const onReal =
  (contender: Contender, servers: Servers, targets: number, format: Format, rows: number, hashed: boolean) =>
  async (): Promise<Sample> => {
    const filled = servers.slice(1, 1 + targets)
    for (const server of filled) {
      await server.query('TRUNCATE t')
      await server.query('CHECKPOINT')
    }
    const sample = await contender.run(jobOf(servers, targets, format))
    for (const server of filled) {
      const [row] = await server.query('SELECT count(*) AS rows FROM t')
      if (Number(row?.rows) !== rows)
        throw new Error(`${contender.name}: ${server.name} has ${row?.rows} rows of ${rows}`)
      if (!hashed) continue
      const [expected, found] = await Promise.all([digestOf(servers[0] as never, 't'), digestOf(server, 't')])
      if (expected.hash !== found.hash) throw new Error(`${contender.name}: ${server.name} has other rows`)
    }
    return sample
  }

/** Runs the entries in turn. Before that, each entry runs once, and the servers' own hashes of the rows are compared. */
const compare = async (
  servers: Servers,
  targets: number,
  entries: readonly Entry[],
  rows: number,
  rounds: number,
): Promise<Samples<string>> => {
  for (const [, contender, format] of entries) await onReal(contender, servers, targets, format, rows, true)()
  const runs = entries.map(([name, contender, format]) => [
    name,
    onReal(contender, servers, targets, format, rows, false),
  ])
  return inTurn(Object.fromEntries(runs) as Record<string, () => Promise<Sample>>, rounds)
}

const tableOf = (
  title: string,
  mib: number,
): { table: Table; add(what: string, of: Samples<string>): void } => {
  const rows: string[][] = []
  return {
    table: { title, head: ['targets, contender', ...CELL_HEADS, 'wall to copyman, text'], rows },
    add(what, of) {
      const ours = column(of['copyman, text'] as readonly Sample[], 'wall')
      for (const [name, samples] of Object.entries(of)) {
        const wall = pairedRatio(column(samples, 'wall'), ours)
        rows.push([`${what}, ${name}`, ...cellsOf(samples, mib), spread(wall)])
      }
    },
  }
}

/** The bars: one source into two targets, copyman against psql. */
const judge = (of: Samples<string>): Bar[] => {
  const psql = of[`${psqlTee.name}, text`]
  const ratio = (ours: string, what: 'wall' | 'cpu'): number =>
    psql === undefined
      ? Number.NaN
      : pairedRatio(column(of[ours] as readonly Sample[], what), column(psql, what)).median
  return [
    atMost('psql, tee, psql on real servers, wall', 0.9, ratio('copyman, text', 'wall'), ' ×'),
    atMost('psql, tee, psql, client CPU', 0.6, ratio('copyman, text', 'cpu'), ' ×'),
    atMost('binary to psql in text, wall', 0.6, ratio('copyman, binary', 'wall'), ' ×'),
  ]
}

/** One source into one, two, three targets. @returns the table, and the throughput by targets of each entry */
const byTargets = async (
  servers: Servers,
  entries: readonly Entry[],
  { rounds, mib: total }: BenchOptions,
): Promise<{ table: Table; lines: Chart['lines'] }> => {
  const rows = Math.ceil((total / SHARE) * ROWS_PER_MIB)
  const mib = (await fill(servers, rows)) / MIB
  const all = tableOf(`${rows} rows, ${mib.toFixed(0)} MiB as text`, mib)
  const lines = new Map<string, [number, number][]>()
  for (const targets of TARGETS) {
    const samples = await compare(servers, targets, entries, rows, rounds)
    all.add(String(targets), samples)
    for (const [name, of] of Object.entries(samples)) {
      const point: [number, number] = [targets, Math.round(mib / median(column(of, 'wall')))]
      lines.set(name, [...(lines.get(name) ?? []), point])
    }
  }
  return { table: all.table, lines: [...lines].map(([name, points]) => ({ name, points })) }
}

/** The larger runs that the bars judge: one source into two targets. */
const intoTwo = async (
  servers: Servers,
  entries: readonly Entry[],
  { rounds, mib: total }: BenchOptions,
): Promise<{ table: Table; samples: Samples<string> }> => {
  const rows = Math.ceil((total / LARGE_SHARE) * ROWS_PER_MIB)
  const mib = (await fill(servers, rows)) / MIB
  const large = tableOf(`${rows} rows, ${mib.toFixed(0)} MiB as text`, mib)
  const samples = await compare(servers, 2, entries, rows, rounds)
  large.add('2', samples)
  return { table: large.table, samples }
}

/** Real PostgreSQL: one source into one, two, three servers. */
export const realSection = async (options: BenchOptions, peers: readonly Contender[]): Promise<Section> => {
  await using servers = await startServers({ count: 4, settings: SETTINGS })
  for (const server of servers)
    await server.query(
      'CREATE TABLE t (id bigint, at timestamptz, n int, s text, amount numeric(12,2), note text)',
    )
  const all = await byTargets(servers, [...OURS, ...peers.map(inText)], options)
  const judged = [...OURS, ...peers.filter((peer) => peer === psqlTee).map(inText)]
  const large = await intoTwo(servers, judged, options)
  const [version] = (await servers[0]?.query('SHOW server_version')) ?? []
  const settings = Object.entries(SETTINGS).map(([name, value]) => `${name} = ${value}`)
  return {
    title: 'Real PostgreSQL',
    text: [
      `PostgreSQL ${version?.server_version}, rows of bigint, timestamptz, int, text, numeric, text; all servers on this machine, with ${settings.join(', ')}, other settings by default. Each target loads in one transaction and is truncated outside the timing. Before the measurement, the servers' own hashes of the rows at source and targets were compared for each contender; after each run, the row counts.`,
      'CPU and peak are those of the client processes; the wall time of psql is that of the whole script. The last table is about the runs of the second table.',
    ].join('\n\n'),
    tables: [
      all.table,
      large.table,
      coresTable(Object.entries(large.samples).map(([name, of]) => [`2, ${name}`, of] as const)),
    ],
    charts: [
      {
        name: 'real',
        title: 'One real PostgreSQL into N others',
        yAxis: 'MiB/s of text read',
        lines: all.lines,
      },
    ],
    bars: judge(large.samples),
  }
}
