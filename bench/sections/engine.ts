import { type Contender, copyman, floorAt, pgCopyStreams, pyCopyman } from '../contenders.js'
import { CELL_HEADS, cellsOf, spread } from '../measure/figures.js'
import { column, inTurn, type Sample, type Samples } from '../measure/in-turn.js'
import { median, pairedRatio } from '../measure/statistics.js'
import { externalPair, type NullPair, ownPair } from '../null/pair.js'
import type { BenchOptions } from '../options.js'
import { atLeast, atMost, type Bar, type Chart, type Section, type Table } from '../report/section.js'

const RECEIVERS = [1, 2, 4, 8, 16]
const ROW_BYTES = [12, 100, 1000]
/** Peers are slow: they get less to do, and copyman the same beside them. */
const PEER_SHARE = 4
const PEER_RECEIVERS = [1, 2, 4]
const MAX_NARROW_RECEIVERS = 4
const GIB_IN_MIB = 1024

/** Bars of wall time and CPU against the floor, by receivers. */
const FLOOR_BARS = new Map([
  [1, { wall: 1.2, cpu: 1.7 }],
  [2, { wall: 1.0, cpu: 1.4 }],
  [4, { wall: 0.85, cpu: 1.3 }],
  [8, { wall: 0.75, cpu: 1.2 }],
])

const ratios = (ours: readonly Sample[], theirs: readonly Sample[], what: 'wall' | 'cpu'): number =>
  pairedRatio(column(ours, what), column(theirs, what)).median

/** How much payload frames of `mib` mebibytes hold. */
const payloadMib = (mib: number, rowBytes: number): number => (mib * rowBytes) / (rowBytes + 5)

/** The floor beside copyman, receivers by receivers. */
const againstFloor = async (
  pair: NullPair & { port: number },
  floor: string,
  { rounds, mib }: BenchOptions,
): Promise<{ table: Table; bars: Bar[]; series: Series }> => {
  const rows: string[][] = []
  const bars: Bar[] = []
  const of = new Map<number, Samples<'copyman' | 'floor'>>()
  for (const [receivers, bar] of FLOOR_BARS) {
    const samples = await inTurn(
      {
        copyman: () => copyman.run(pair.job(100, mib, receivers)),
        floor: floorAt(floor, pair.port, receivers),
      },
      rounds,
    )
    of.set(receivers, samples)
    const wall = pairedRatio(column(samples.copyman, 'wall'), column(samples.floor, 'wall'))
    const cpu = pairedRatio(column(samples.copyman, 'cpu'), column(samples.floor, 'cpu'))
    const size = payloadMib(mib, 100)
    rows.push([`${receivers}, copyman`, ...cellsOf(samples.copyman, size), spread(wall), spread(cpu)])
    rows.push([`${receivers}, floor`, ...cellsOf(samples.floor, size), '1', '1'])
    bars.push(atMost(`the floor, wall, ${receivers} receivers`, bar.wall, wall.median, ' ×'))
    bars.push(atMost(`the floor, CPU, ${receivers} receivers`, bar.cpu, cpu.median, ' ×'))
  }
  const slope = (who: 'copyman' | 'floor', what: 'cpu' | 'peakMib'): number => {
    const at = (receivers: number): number =>
      median(column(of.get(receivers)?.[who] as readonly Sample[], what))
    return (at(8) - at(1)) / 7
  }
  const further = slope('copyman', 'cpu') / slope('floor', 'cpu')
  bars.push(atMost('each further receiver, CPU, one more write of the floor', 1.3, further, ' ×'))
  bars.push(atMost('each further receiver, memory', 20, slope('copyman', 'peakMib'), ' MiB'))
  return {
    table: {
      title: `Beside the floor: ${mib} MiB of frames of 100-byte rows between ${pair.name}`,
      head: ['receivers', ...CELL_HEADS, 'wall to floor', 'CPU to floor'],
      rows,
    },
    bars,
    series: {
      name: 'floor (one thread of C)',
      mib: payloadMib(mib, 100),
      of: [...of].map(([receivers, { floor }]) => [receivers, floor] as const),
    },
  }
}

/** copyman alone, for all numbers of receivers and row sizes. */
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

/** The peers beside copyman. */
const againstPeers = async (
  pair: NullPair,
  peers: readonly Contender[],
  { rounds, mib }: BenchOptions,
): Promise<{ table: Table; bars: Bar[]; series: Series[] }> => {
  const share = Math.ceil(mib / PEER_SHARE)
  const size = payloadMib(share, 100)
  const rows: string[][] = []
  const bars: Bar[] = []
  const of: [number, Samples<string>][] = []
  const all = [copyman, ...peers]
  for (const receivers of PEER_RECEIVERS) {
    const job = pair.job(100, share, receivers)
    const samples = await inTurn(
      Object.fromEntries(all.map((contender) => [contender.name, () => contender.run(job)])),
      rounds,
    )
    of.push([receivers, samples])
    const ours = samples[copyman.name] as readonly Sample[]
    for (const { name } of all) {
      const theirs = samples[name] as readonly Sample[]
      const ratio = pairedRatio(column(theirs, 'wall'), column(ours, 'wall'))
      rows.push([`${receivers}, ${name}`, ...cellsOf(theirs, size), spread(ratio)])
    }
    const streams = samples[pgCopyStreams.name]
    if (streams !== undefined)
      bars.push(
        atLeast(
          `pg-copy-streams between null ends, ${receivers} receivers`,
          6,
          ratios(streams, ours, 'wall'),
          ' × its throughput',
        ),
      )
  }
  return {
    table: {
      title: `Beside peers: ${share} MiB of frames of 100-byte rows between ${pair.name}`,
      head: ['receivers, who', ...CELL_HEADS, 'wall to copyman'],
      rows,
    },
    bars,
    series: peers.map(({ name }) => ({
      name,
      mib: size,
      of: of.map(([receivers, samples]) => [receivers, samples[name] as readonly Sample[]] as const),
    })),
  }
}

/** Samples of one contender by receivers, of a payload of `mib`. */
interface Series {
  readonly name: string
  readonly mib: number
  readonly of: readonly (readonly [number, readonly Sample[]])[]
}

const charts = (series: readonly Series[]): Chart[] => {
  const lines = (y: (samples: readonly Sample[], mib: number) => number): Chart['lines'] =>
    series.map(({ name, mib, of }) => ({
      name,
      points: of.map(([receivers, samples]) => [receivers, y(samples, mib)] as const),
    }))
  return [
    {
      name: 'throughput',
      title: 'One source into N receivers, between null ends',
      yAxis: 'MiB/s of payload read',
      lines: lines((samples, mib) => Math.round(mib / median(column(samples, 'wall')))),
    },
    {
      name: 'cpu',
      title: 'CPU for one source into N receivers, between null ends',
      yAxis: 'CPU seconds per GiB read',
      lines: lines((samples, mib) =>
        Number(((median(column(samples, 'cpu')) * GIB_IN_MIB) / mib).toFixed(3)),
      ),
    },
  ]
}

/** The null ends themselves: copyman between ours and between the foreign ones. */
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

/** The engine over sockets between ends that cost next to nothing. */
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
      tables.push(floor.table)
      bars.push(...floor.bars)
      series.push(floor.series)
    }
    // it asks a server more than a null one can answer
    const able = peers.filter((peer) => peer !== pyCopyman)
    const beside = await againstPeers(pair, able, options)
    const shapes = await allShapes(pair, options)
    tables.push(beside.table, shapes.table)
    bars.push(...beside.bars, ...shapes.bars)
    if (foreign !== undefined) tables.push(await endsCompared(own, foreign, options))
    const ours = { name: copyman.name, mib: payloadMib(options.mib, 100), of: shapes.of }
    return {
      title: 'The engine between null ends',
      text: [
        'Whole processes, in turn. Wall: from the first byte to the last completion; CPU: all threads, start-up included; peak: resident memory of all processes of the contender together. Medians with least and greatest; throughput is payload read from the source.',
        'copyman itself refuses a run whose targets count other rows than its source; that the bytes are right is shown on real servers, by the same build.',
        'Whether the null ends limit what is seen: where a foreign null server is given, the last table shows copyman between it and between ours, which read with Node and take a share of the same cores. What is judged was measured between the foreign one then.',
        `${pyCopyman.name} needs a real server, since it asks more than a null one answers: see there.`,
        ...absent.map((name) => `Not on this machine: ${name}.`),
        ...(options.floor === undefined ? ['No floor was given (`--null-server` and `--floor`).'] : []),
      ].join('\n\n'),
      tables,
      charts: charts([ours, ...beside.series, ...series]),
      bars,
    }
  } finally {
    await Promise.all([own.stop(), foreign?.stop()])
  }
}
