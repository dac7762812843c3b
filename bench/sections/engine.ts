import { type Contender, copyman, pgCopyStreams, pyCopyman } from '../contenders.js'
import { CELL_HEADS, cellsOf, spread } from '../measure/figures.js'
import { column, inTurn, type Sample, type Samples } from '../measure/in-turn.js'
import { median, pairedRatio } from '../measure/statistics.js'
import { externalPair, type NullPair, ownPair, payloadMib } from '../null/pair.js'
import type { BenchOptions } from '../options.js'
import { atLeast, type Bar, type Section, type Table } from '../report/section.js'
import { charts, type Series } from './engine-charts.js'
import { againstFloor } from './floor.js'

const RECEIVERS = [1, 2, 4, 8, 16]
const ROW_BYTES = [12, 100, 1000]
/** Peers are slow, so the comparison with them moves only this part of the data, also for copyman. */
const PEER_SHARE = 4
const PEER_RECEIVERS = [1, 2, 4]
const MAX_NARROW_RECEIVERS = 4

/** copyman alone, with each number of receivers and each row size. */
const allShapes = async (
  pair: NullPair,
  { rounds, mib }: BenchOptions,
): Promise<{ table: Table; bars: Bar[]; of: [number, readonly Sample[]][] }> => {
  const rows: string[][] = []
  const bars: Bar[] = []
  const of: [number, readonly Sample[]][] = []
  for (const receivers of RECEIVERS) {
    const contenders = Object.fromEntries(
      ROW_BYTES.map((bytes) => [String(bytes), () => copyman.run(pair.job(bytes, mib, receivers))]),
    )
    const samples = await inTurn(contenders, Math.max(1, Math.ceil(rounds / (receivers > 4 ? 2 : 1))))
    for (const bytes of ROW_BYTES)
      rows.push([
        `${receivers}, ${bytes}`,
        ...cellsOf(samples[bytes] as readonly Sample[], payloadMib(mib, bytes)),
      ])
    of.push([receivers, samples[100] as readonly Sample[]])
    const rate = (bytes: number): number =>
      payloadMib(mib, bytes) / median(column(samples[bytes] as readonly Sample[], 'wall'))
    if (receivers <= MAX_NARROW_RECEIVERS)
      bars.push(
        atLeast(
          `rows of 12 bytes to rows of 100, ${receivers} receivers`,
          0.6,
          rate(12) / rate(100),
          ' × payload',
        ),
      )
  }
  const title = `copyman by receivers and row size: ${mib} MiB of frames between ${pair.name}`
  return { table: { title, head: ['receivers, row bytes', ...CELL_HEADS], rows }, bars, of }
}

/** copyman and its peers. */
const againstPeers = async (
  pair: NullPair,
  peers: readonly Contender[],
  { rounds, mib }: BenchOptions,
): Promise<{ table: Table; bars: Bar[]; series: Series[] }> => {
  const share = Math.ceil(mib / PEER_SHARE)
  const size = payloadMib(share, 100)
  const of: [number, Samples<string>][] = []
  for (const receivers of PEER_RECEIVERS) {
    const job = pair.job(100, share, receivers)
    const contenders = [copyman, ...peers].map(
      (contender) => [contender.name, () => contender.run(job)] as const,
    )
    of.push([receivers, await inTurn(Object.fromEntries(contenders), rounds)])
  }
  return {
    table: {
      title: `Beside peers: ${share} MiB of frames of 100-byte rows between ${pair.name}`,
      head: ['receivers, contender', ...CELL_HEADS, 'wall to copyman'],
      rows: of.flatMap(([receivers, samples]) => peerRows(receivers, samples, size)),
    },
    bars: of.flatMap(([receivers, samples]) => peerBars(receivers, samples)),
    series: peers.map(({ name }) => ({
      name,
      mib: size,
      of: of.map(([receivers, samples]) => [receivers, samples[name] as readonly Sample[]] as const),
    })),
  }
}

const peerRows = (receivers: number, samples: Samples<string>, size: number): string[][] => {
  const ours = column(samples[copyman.name] as readonly Sample[], 'wall')
  return Object.entries(samples).map(([name, theirs]) => {
    const ratio = pairedRatio(column(theirs, 'wall'), ours)
    return [`${receivers}, ${name}`, ...cellsOf(theirs, size), spread(ratio)]
  })
}

const peerBars = (receivers: number, samples: Samples<string>): Bar[] => {
  const streams = samples[pgCopyStreams.name]
  if (streams === undefined) return []
  const ours = column(samples[copyman.name] as readonly Sample[], 'wall')
  const { median } = pairedRatio(column(streams, 'wall'), ours)
  const against = `pg-copy-streams between null ends, ${receivers} receivers`
  return [atLeast(against, 6, median, ' × its throughput')]
}

/** Compares the null ends: copyman between our null ends and between the foreign ones. */
const endsCompared = async (
  own: NullPair,
  foreign: NullPair,
  { rounds, mib }: BenchOptions,
): Promise<Table> => {
  const rows: string[][] = []
  for (const receivers of [1, 4]) {
    const samples = await inTurn(
      {
        own: () => copyman.run(own.job(100, mib, receivers)),
        foreign: () => copyman.run(foreign.job(100, mib, receivers)),
      },
      rounds,
    )
    for (const [name, pair] of [
      ['own', own],
      ['foreign', foreign],
    ] as const)
      rows.push([`${receivers}, ${pair.name}`, ...cellsOf(samples[name], payloadMib(mib, 100))])
  }
  return { title: 'The null ends compared', head: ['receivers, ends', ...CELL_HEADS], rows }
}

/** The engine over sockets, between null ends, which cost as little as possible. */
export const engineSection = async (
  options: BenchOptions,
  peers: readonly Contender[],
  absent: readonly string[],
): Promise<Section> => {
  const own = await ownPair(Math.max(...RECEIVERS))
  const foreign =
    options.nullServer === undefined ? undefined : await externalPair(options.nullServer, options.mib)
  try {
    const pair = foreign ?? own
    const tables: Table[] = []
    const bars: Bar[] = []
    const series: Series[] = []
    if (foreign !== undefined && options.floor !== undefined) {
      const floor = await againstFloor(foreign, options.floor, options)
      tables.push(...floor.tables)
      bars.push(...floor.bars)
      series.push(floor.series)
    }
    // py-postgresql sends queries that a null server cannot answer
    const able = peers.filter((peer) => peer !== pyCopyman)
    const beside = await againstPeers(pair, able, options)
    const shapes = await allShapes(pair, options)
    tables.push(beside.table, shapes.table)
    bars.push(...beside.bars, ...shapes.bars)
    if (foreign !== undefined) tables.push(await endsCompared(own, foreign, options))
    const ours = { name: copyman.name, mib: payloadMib(options.mib, 100), of: shapes.of }
    return {
      title: 'The engine between null ends',
      text: textOf(options, absent),
      tables,
      charts: charts([ours, ...beside.series, ...series]),
      bars,
    }
  } finally {
    await Promise.all([own.stop(), foreign?.stop()])
  }
}

const textOf = ({ floor }: BenchOptions, absent: readonly string[]): string =>
  [
    'Contenders run in turn, each in processes of its own. Wall: from the first byte to the last completion; CPU: all threads, start-up included; peak: resident memory of all processes of the contender together. Medians with least and greatest; throughput is payload read from the source.',
    'copyman refuses a run whose targets count other rows than the source. The section on real servers compares the bytes, with the same build.',
    'Do the null ends limit the figures? If a foreign null server is given, the last table compares it with our null ends, which read with Node and use a part of the same cores. Then the bars are judged by runs between foreign null ends.',
    `${pyCopyman.name} sends queries that a null server cannot answer: see the section on real servers.`,
    ...absent.map((name) => `Not on this machine: ${name}.`),
    ...(floor === undefined ? ['No floor was given (`--null-server` and `--floor`).'] : []),
  ].join('\n\n')
