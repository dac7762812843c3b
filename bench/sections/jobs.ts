import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Bench } from 'tinybench'
import type { Connection } from '../../scripts/postgres/connection.js'
import { startServers } from '../../scripts/postgres/servers.js'
import { copy, WorkerPool } from '../../src/index.js'
import { spread } from '../measure/figures.js'
import { median, pairedRatio, spreadOf } from '../measure/statistics.js'
import { NullServerHere } from '../null/here.js'
import type { BenchOptions } from '../options.js'
import { atMost, type Bar, type Section, type Table } from '../report/section.js'

const SMALL_JOBS = 1000
const WARMUP_JOBS = 20
const SMALL_ROWS = 100
const TRICKLE_ROWS = 50
const TRICKLE_MS = 100
/** Bytes of heap that one small job may keep before it counts as a leak: some garbage is not collected yet. */
const LEAK_BYTES = 4096

/** Milliseconds until `count` empty workers run. */
const emptyWorkers = async (count: number): Promise<number> => {
  const begun = performance.now()
  const workers = Array.from({ length: count }, () => new Worker('', { eval: true }))
  await Promise.all(workers.map((worker) => once(worker, 'online')))
  const ms = performance.now() - begun
  await Promise.all(workers.map((worker) => worker.terminate()))
  return ms
}

/** Milliseconds from copy() until the socket of every target has received its first row. */
const firstBytes = async (source: NullServerHere, receivers: number): Promise<number> => {
  const seen = new Set<number>()
  let last = 0
  const targets = await NullServerHere.start((number) => ({
    received: () => {
      seen.add(number)
      if (seen.size === receivers && last === 0) last = performance.now()
    },
  }))
  const begun = performance.now()
  await copy({
    from: { connection: source.url, statement: 'COPY null_100_1 TO STDOUT' },
    to: Array.from({ length: receivers }, () => ({
      connection: targets.url,
      statement: 'COPY null_100_1 FROM STDIN',
    })),
  })
  await targets.stop()
  return last - begun
}

/** Times empty workers and copy() in turn, after one round that does not count. */
const startUpTimes = async (
  source: NullServerHere,
  receivers: number,
  rounds: number,
): Promise<{ empty: number[]; ours: number[] }> => {
  const empty: number[] = []
  const ours: number[] = []
  for (let round = -1; round < rounds; round++) {
    const emptyMs = await emptyWorkers(receivers)
    const ourMs = await firstBytes(source, receivers)
    if (round < 0) continue
    empty.push(emptyMs)
    ours.push(ourMs)
  }
  return { empty, ours }
}

const startUp = async ({ rounds }: BenchOptions): Promise<{ table: Table; bars: Bar[] }> => {
  const source = await NullServerHere.start(() => ({}))
  const rows: string[][] = []
  const bars: Bar[] = []
  for (const receivers of [1, 2, 4, 8]) {
    const { empty, ours } = await startUpTimes(source, receivers, rounds)
    const allowed = 2 * median(empty) + 50
    rows.push([
      String(receivers),
      spread(spreadOf(ours), 0),
      spread(spreadOf(empty), 0),
      spread(pairedRatio(ours, empty)),
    ])
    bars.push(
      atMost(
        `start-up with ${receivers} receivers, 2 × empty workers + 50 ms`,
        Math.round(allowed),
        median(ours),
        ' ms',
      ),
    )
  }
  await source.stop()
  const head = [
    'receivers',
    'copy() to the first byte at all targets, ms',
    'as many empty workers, ms',
    'ratio',
  ]
  return { table: { title: 'Start-up', head, rows }, bars }
}

/** Runs a small job again and again. @returns its latencies in ms, and the bytes of heap that each run keeps */
const timeSmallJobs = async (
  job: () => Promise<void>,
): Promise<{ p50: number; p99: number; max: number; kept: number }> => {
  const heap: number[] = []
  const measureHeap = (): void => {
    globalThis.gc?.()
    heap.push(process.memoryUsage().heapUsed)
  }
  const bench = new Bench({
    time: 0,
    iterations: SMALL_JOBS,
    warmupIterations: WARMUP_JOBS,
    warmupTime: 0,
    retainSamples: true,
    throws: true,
  })
  bench.add('small', job, { beforeAll: measureHeap, afterAll: measureHeap })
  await bench.run()
  const result = bench.tasks[0]?.result
  if (result?.state !== 'completed') throw new Error(`the small jobs ended as ${result?.state}`)
  const { p50, p99, max } = result.latency
  const [before, after] = heap.slice(-2) as [number, number]
  return { p50, p99, max, kept: Math.max(0, (after - before) / SMALL_JOBS) }
}

const smallJobs = async (): Promise<{ table: Table; bars: Bar[] }> => {
  await using servers = await startServers({ count: 3 })
  for (const server of servers) await server.query('CREATE TABLE t (i int, s text)')
  const [source, ...targets] = servers
  await source?.query(`INSERT INTO t SELECT i, repeat('x', 90) FROM generate_series(1, ${SMALL_ROWS}) AS i`)
  await using pool = new WorkerPool({ threads: targets.length })
  const { p50, p99, max, kept } = await timeSmallJobs(async () => {
    const { rows } = await copy({
      from: { connection: source?.connection as Connection, statement: 'COPY t TO STDOUT' },
      to: targets.map(({ connection }) => ({ connection, statement: 'COPY t FROM STDIN' })),
      pool,
    })
    if (rows !== SMALL_ROWS) throw new Error(`${rows} rows of ${SMALL_ROWS}`)
  })
  for (const target of targets) {
    const [row] = await target.query('SELECT count(*) AS rows FROM t')
    const expected = SMALL_ROWS * (SMALL_JOBS + WARMUP_JOBS)
    if (Number(row?.rows) !== expected) throw new Error(`${target.name} has ${row?.rows} rows of ${expected}`)
  }
  return {
    table: {
      title: `${SMALL_JOBS} copies of ${SMALL_ROWS} rows into 2 real servers, one after the other on a shared pool`,
      head: ['median, ms', 'p99, ms', 'greatest, ms', 'heap kept by each, bytes'],
      rows: [[p50.toFixed(1), p99.toFixed(1), max.toFixed(1), kept.toFixed(0)]],
    },
    bars: [
      atMost('small jobs, median', 15, p50, ' ms'),
      atMost('small jobs, heap kept by each', LEAK_BYTES, kept, ' bytes'),
    ],
  }
}

const latency = async (): Promise<{ table: Table; bars: Bar[] }> => {
  const sent: number[] = []
  const source = await NullServerHere.start(() => ({ sent: () => sent.push(performance.now()) }))
  const arrived: number[] = []
  let rowsSeen = 0
  const target = await NullServerHere.start((number) => ({
    // of the two receivers, only the first is timed
    received: (bytes) => {
      if (number > 0) return
      for (const rows = bytes / 100; rowsSeen < rows; rowsSeen++) arrived.push(performance.now())
    },
  }))
  await copy({
    from: { connection: source.url, statement: `COPY trickle_100_${TRICKLE_ROWS}_${TRICKLE_MS} TO STDOUT` },
    to: [1, 2].map(() => ({ connection: target.url, statement: 'COPY null_100_1 FROM STDIN' })),
  })
  await Promise.all([source.stop(), target.stop()])
  if (arrived.length !== TRICKLE_ROWS) throw new Error(`${arrived.length} rows of ${TRICKLE_ROWS} arrived`)
  const late = spreadOf(arrived.map((at, row) => at - (sent[row] as number)))
  return {
    table: {
      title: 'A source of 10 rows a second into 2 receivers: from the source’s write to the target’s socket',
      head: ['median, ms', 'greatest, ms'],
      rows: [[late.median.toFixed(2), late.greatest.toFixed(2)]],
    },
    bars: [atMost('10 rows a second, each at the target’s socket', 50, late.greatest, ' ms')],
  }
}

/** Figures other than throughput: the time to start, small jobs, and the latency of single rows. */
export const jobsSection = async (options: BenchOptions): Promise<Section> => {
  const parts = [await startUp(options), await smallJobs(), await latency()]
  return {
    title: 'Start-up, small jobs, latency',
    text: 'All options have their defaults. Where single rows are timed, the null ends run in the process that measures.',
    tables: parts.map(({ table }) => table),
    charts: [],
    bars: parts.flatMap(({ bars }) => bars),
  }
}
