import { digestOf } from '../../scripts/demo/digest.js'
import { type Servers, startServers } from '../../scripts/postgres/servers.js'
import { type Contender, copyman, psqlTee } from '../contenders.js'
import { CELL_HEADS, cellsOf, spread } from '../measure/figures.js'
import { column, inTurn, type Sample } from '../measure/in-turn.js'
import { median, pairedRatio } from '../measure/statistics.js'
import type { BenchOptions } from '../options.js'
import type { EngineJob } from '../programs/engine.js'
import { atMost, type Bar, type Section } from '../report/section.js'

const MIB = 1024 * 1024
const ROWS_PER_MIB = 9000
/** Real servers are slow: of what goes between null ends, this part goes between them. */
const SHARE = 16
const TARGETS = [1, 2, 3]

type Format = 'text' | 'binary'

const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
}

const fill = async (servers: Servers, rows: number): Promise<number> => {
  for (const server of servers)
    await server.query(
      'CREATE TABLE t (id bigint, at timestamptz, n int, s text, amount numeric(12,2), note text)',
    )
  const [source] = servers
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

/** Real PostgreSQL: one source into one, two, three servers. */
export const realSection = async (options: BenchOptions, peers: readonly Contender[]): Promise<Section> => {
  const rows = Math.ceil((options.mib / SHARE) * ROWS_PER_MIB)
  await using servers = await startServers({ count: 4, settings: SETTINGS })
  const mib = (await fill(servers, rows)) / MIB
  const [version] = (await servers[0]?.query('SHOW server_version')) ?? []
  const table: string[][] = []
  const bars: Bar[] = []
  const lines = new Map<string, [number, number][]>()
  for (const targets of TARGETS) {
    const entries: [string, Contender, Format][] = [
      ['copyman, text', copyman, 'text'],
      ['copyman, binary', copyman, 'binary'],
      ...peers.map((peer): [string, Contender, Format] => [`${peer.name}, text`, peer, 'text']),
    ]
    // speed is never bought with wrong bytes: each once, compared by the servers' own hash
    for (const [, contender, format] of entries)
      await onReal(contender, servers, targets, format, rows, true)()
    const samples = await inTurn(
      Object.fromEntries(
        entries.map(([name, contender, format]) => [
          name,
          onReal(contender, servers, targets, format, rows, false),
        ]),
      ),
      options.rounds,
    )
    const of = (name: string): readonly Sample[] | undefined => samples[name]
    const ratio = (ours: string, theirs: string, what: 'wall' | 'cpu'): number => {
      const [a, b] = [of(ours), of(theirs)]
      if (a === undefined || b === undefined) return Number.NaN
      return pairedRatio(column(a, what), column(b, what)).median
    }
    for (const [name] of entries) {
      const theirs = of(name) as readonly Sample[]
      const ours = of('copyman, text') as readonly Sample[]
      const wall = pairedRatio(column(theirs, 'wall'), column(ours, 'wall'))
      const point: [number, number] = [targets, Math.round(mib / median(column(theirs, 'wall')))]
      lines.set(name, [...(lines.get(name) ?? []), point])
      table.push([`${targets}, ${name}`, ...cellsOf(theirs, mib), spread(wall)])
    }
    if (targets === 2) {
      const psql = `${psqlTee.name}, text`
      bars.push(
        atMost('psql, tee, psql on real servers, wall', 0.9, ratio('copyman, text', psql, 'wall'), ' ×'),
      )
      bars.push(atMost('psql, tee, psql, client CPU', 0.6, ratio('copyman, text', psql, 'cpu'), ' ×'))
      bars.push(atMost('binary to psql in text, wall', 0.6, ratio('copyman, binary', psql, 'wall'), ' ×'))
    }
  }
  const settings = Object.entries(SETTINGS).map(([name, value]) => `${name} = ${value}`)
  return {
    title: 'Real PostgreSQL',
    text: [
      `PostgreSQL ${version?.server_version}, ${rows} rows of bigint, timestamptz, int, text, numeric, text (${mib.toFixed(0)} MiB as text), all servers on this machine, ${settings.join(', ')}, all else by default. Each target loads in one transaction; it is truncated outside the timing. Each contender's targets were compared with the source by the servers' own hash first, and by their count after each run.`,
      'CPU and peak are those of the client processes; psql’s wall time is the whole script’s.',
    ].join('\n\n'),
    tables: [{ head: ['targets, who', ...CELL_HEADS, 'wall to copyman, text'], rows: table }],
    charts: [
      {
        name: 'real',
        title: 'One real PostgreSQL into N others',
        yAxis: 'MiB/s of text read',
        lines: [...lines].map(([name, points]) => ({ name, points })),
      },
    ],
    bars,
  }
}
