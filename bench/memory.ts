// Memory of a long copy: `npm run bench:memory -- [MIB] [RECEIVERS] [MIB_PER_SECOND]`; defaults: 5,120, 4, no limit. With a
// third number, the first receiver takes no more than that, and the others wait for it. Exits with 1 if the peak of resident
// memory exceeds the ring + 64 MiB + 25 MiB for each worker, or the main thread's heap grew by more than 8 MiB.
import { execFileSync } from 'node:child_process'
import { CopyManager, StatementProducer, StatementReceiver } from '../src/index.js'
import { NullEnd } from './null/ends.js'

const MIB = 1024 * 1024
const SLOTS = 16
const SLOT_BYTES = 2 * MIB
const HEAP_GROWTH_MIB = 8

const [mib = 5120, receivers = 4, mibPerSecond = 0] = process.argv.slice(2).map(Number)
const allowedMib = (SLOTS * SLOT_BYTES) / MIB + 64 + 25 * receivers

const ends = await Promise.all(
  Array.from({ length: 1 + receivers }, (_, i) => NullEnd.start(i === 1 ? mibPerSecond : 0)),
)
const [source, ...targets] = ends as [NullEnd, ...NullEnd[]]
const manager = new CopyManager(
  new StatementProducer({ connection: source.url, statement: `COPY null_100_${mib} TO STDOUT` }),
  targets.map(
    ({ url }) => new StatementReceiver({ connection: url, statement: `COPY null_100_${mib} FROM STDIN` }),
  ),
  { ring: { slots: SLOTS, slotBytes: SLOT_BYTES } },
)

/** Heap in use after each tenth of the copy, in MiB. Garbage is collected first, so growth means memory that is kept. */
const heap: number[] = []
let peak = 0
try {
  await manager.open()
  let next = 0
  for await (const _ of manager) {
    peak = Math.max(peak, process.memoryUsage.rss())
    if (manager.stats().bytes < next) continue
    next += (mib * MIB) / 10
    globalThis.gc?.()
    heap.push(process.memoryUsage().heapUsed / MIB)
  }
} finally {
  await manager[Symbol.asyncDispose]()
  await Promise.all(ends.map((end) => end.stop()))
}

const kernelPeak = process.resourceUsage().maxRSS / 1024
const growth = Math.max(...heap.slice(1)) - (heap[1] as number)
const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()
console.log(
  JSON.stringify({
    commit,
    node: process.version,
    mib,
    receivers,
    ...(mibPerSecond > 0 && { firstMibPerSecond: mibPerSecond }),
    seconds: Math.round(manager.stats().seconds),
    outcomes: manager.outcomes.map(({ state, rows }) => `${state} ${rows}`),
    peakRssMib: Math.round(Math.max(kernelPeak, peak / MIB)),
    allowedMib,
    heapMib: heap.map((used) => Number(used.toFixed(1))),
    heapGrowthMib: Number(growth.toFixed(1)),
  }),
)
process.exitCode = kernelPeak <= allowedMib && growth <= HEAP_GROWTH_MIB ? 0 : 1
