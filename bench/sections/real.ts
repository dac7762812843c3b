import { digestOf } from '../../scripts/demo/digest.js'
import { type Servers, startServers } from '../../scripts/postgres/servers.js'
import { type Contender, copyman, psqlTee } from '../contenders.js'
import { CELL_HEADS, cellsOf, spread } from '../measure/figures.js'
import { column, inTurn, type Sample, type Samples } from '../measure/in-turn.js'
import { median, pairedRatio } from '../measure/statistics.js'
import type { BenchOptions } from '../options.js'
import type { EngineJob } from '../programs/engine.js'
import { atMost, type Bar, type Section, type Table } from '../report/section.js'
import { coresTable } from './cores.js'

const MIB = 1024 * 1024
const ROWS_PER_MIB = 9000
/** Real servers are slow: of what goes between null ends, this part goes between them. */
const SHARE = 16
/** What is judged goes through with this part, so that starting a process is not what is compared. */
const LARGE_SHARE = 4
const TARGETS = [1, 2, 3]

type Format = 'text' | 'binary'

/** Who does the job, in which format, under what name. */
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

/** @returns bytes of the rows as text */
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

/** Truncates outside the timing, runs, and checks that every target has all of it. */
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

/** Compares the entries in turn, after each has shown once, by the servers' own hash, that it loads the same rows. */
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
    table: { title, head: ['targets, who', ...CELL_HEADS, 'wall to copyman, text'], rows },
    add(what, of) {
      const ours = column(of['copyman, text'] as readonly Sample[], 'wall')
      for (const [name, samples] of Object.entries(of)) {
        const wall = pairedRatio(column(samples, 'wall'), ours)
        rows.push([`${what}, ${name}`, ...cellsOf(samples, mib), spread(wall)])
      }
    },
  }
}

/** What is judged: one into two, ours beside psql. */
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

/** Real PostgreSQL: one source into one, two, three servers. */
export const realSection = async (options: BenchOptions, peers: readonly Contender[]): Promise<Section> => {
  const { rounds } = options
  await using servers = await startServers({ count: 4, settings: SETTINGS })
  for (const server of servers)
    await server.query(
      'CREATE TABLE t (id bigint, at timestamptz, n int, s text, amount numeric(12,2), note text)',
    )
  const rows = Math.ceil((options.mib / SHARE) * ROWS_PER_MIB)
  const mib = (await fill(servers, rows)) / MIB
  const all = tableOf(`${rows} rows, ${mib.toFixed(0)} MiB as text`, mib)
  const lines = new Map<string, [number, number][]>()
  for (const targets of TARGETS) {
    const samples = await compare(servers, targets, [...OURS, ...peers.map(inText)], rows, rounds)
    all.add(String(targets), samples)
    for (const [name, of] of Object.entries(samples)) {
      const point: [number, number] = [targets, Math.round(mib / median(column(of, 'wall')))]
      lines.set(name, [...(lines.get(name) ?? []), point])
    }
  }
  const manyRows = Math.ceil((options.mib / LARGE_SHARE) * ROWS_PER_MIB)
  const manyMib = (await fill(servers, manyRows)) / MIB
  const large = tableOf(`${manyRows} rows, ${manyMib.toFixed(0)} MiB as text`, manyMib)
  const judged = [...OURS, ...peers.filter((peer) => peer === psqlTee).map(inText)]
  const samples = await compare(servers, 2, judged, manyRows, rounds)
  large.add('2', samples)
  const [version] = (await servers[0]?.query('SHOW server_version')) ?? []
  const settings = Object.entries(SETTINGS).map(([name, value]) => `${name} = ${value}`)
  return {
    title: 'Real PostgreSQL',
    text: [
      `PostgreSQL ${version?.server_version}, rows of bigint, timestamptz, int, text, numeric, text, all servers on this machine, ${settings.join(', ')}, all else by default. Each target loads in one transaction; it is truncated outside the timing. Each contender's targets were compared with the source by the servers' own hash first, and by their count after each run.`,
      'CPU and peak are those of the client processes; psql’s wall time is the whole script’s. The last table is of the second one’s runs.',
    ].join('\n\n'),
    tables: [
      all.table,
      large.table,
      coresTable(Object.entries(samples).map(([name, of]) => [`2, ${name}`, of] as const)),
    ],
    charts: [
      {
        name: 'real',
        title: 'One real PostgreSQL into N others',
        yAxis: 'MiB/s of text read',
        lines: [...lines].map(([name, points]) => ({ name, points })),
      },
    ],
    bars: judge(samples),
  }
}
