import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { ProducerStream } from '../../src/main/producers/producer-stream.js'
import { makeRing } from '../../src/main/ring/make-ring.js'
import { STREAM_STATE } from '../../src/shared/ring/cells.js'
import { toCell } from '../../src/shared/ring/sequence.js'
import { shuffleFree } from '../support/ring-taker.js'
import { randomFrom, SEED } from '../support/seed.js'
import { RowStream } from './row-stream.js'
import type { ReaderOrders, ReaderReport } from './slice-reader.js'
import { byReads, byRows, type Source } from './sources.js'

/** Slices to be checked in all readers of all tests together. */
const SLICES = Number(process.env.COPYMAN_STRESS_SLICES ?? 24_000)
const TIMEOUT_MS = 15 * 60_000

interface Course {
  readonly by: Source
  readonly readers: number
  readonly slots: number
  readonly slotBytes: number
  readonly firstSequence: number
}

const SLOT_BYTES = { 2: 256, 3: 1024, 64: 4096 } as const
/** From 0, and so that the sequences cross 2^31 and 2^32 early. */
const FIRST = { 2: 2 ** 31 - 40, 3: 2 ** 32 - 40, 64: 0 } as const
const COURSES: Course[] = [byReads, byRows].flatMap((by) =>
  ([2, 3, 64] as const).flatMap((slots) =>
    [1, 4, 16].map((readers) => ({
      by,
      readers,
      slots,
      slotBytes: SLOT_BYTES[slots],
      firstSequence: FIRST[slots],
    })),
  ),
)

/** Resolves with the report of a reader thread; rejects when the thread fails or ends without a report. */
const reportOf = (worker: Worker): Promise<ReaderReport> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`a reader ended with code ${code} and no report`)))
  })

/** Runs one course and checks the reports of its readers. @returns slices checked by all of them together */
const run = async (course: Course, seed: number, signal: AbortSignal): Promise<number> => {
  const { by, readers, slots, slotBytes, firstSequence } = course
  const taking = (): void => parts.gate.take(parts.writer.sequence)
  const parts = makeRing({ slots, slotBytes }, taking, firstSequence)
  shuffleFree(parts, randomFrom(seed))
  const stream = new ProducerStream(parts, 1, () => undefined)
  parts.writer.setState(STREAM_STATE.open)
  const workers = Array.from({ length: readers }, (_, number) => {
    const ticket = parts.ring.ticket()
    parts.ring.cells.setCursor(ticket.receiver, toCell(firstSequence))
    parts.gate.add(ticket.receiver, firstSequence)
    // each reader keeps another number of slices in flight, up to the whole ring
    const maxInFlight = 1 + (number % slots)
    const orders: ReaderOrders = { ticket, start: firstSequence, seed, maxInFlight }
    return new Worker(new URL('./slice-reader.js', import.meta.url), { workerData: orders })
  })
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  const slices = Math.max(1, Math.ceil(SLICES / COURSES.length / readers))
  const producing = by({ stream, rows: new RowStream(seed, slotBytes), random: randomFrom(seed), slices })
  const ended = producing.then((end) => {
    parts.writer.setState(STREAM_STATE.ended)
    return end
  })
  try {
    const all = Promise.all([ended, ...workers.map(reportOf)])
    const [{ rows }, ...reports] = await Promise.race([all, aborted])
    const { sequence, totals } = parts.writer
    assert.equal(totals.messages, rows)
    for (const report of reports) {
      assert.deepEqual(report, {
        slices: sequence - firstSequence,
        rows,
        bytes: totals.bytes,
        released: sequence,
      })
    }
    return readers * (sequence - firstSequence)
  } finally {
    stream.stop()
    parts.writer.stopFlush()
    parts.gate.wake()
    await Promise.all(workers.map((worker) => worker.terminate()))
    await producing.catch(() => undefined)
    parts.writer.stopFlush()
  }
}

let checked = 0
let spentMs = 0
after(() => {
  console.log(`${checked} slices checked in ${Math.round(spentMs)} ms`)
})

for (const [number, course] of COURSES.entries()) {
  const { by, readers, slots, slotBytes } = course
  const readerThreads = readers === 1 ? '1 thread sees' : `${readers} threads see`
  const source = by === byReads ? 'reads' : 'rows'
  const name = `${readerThreads} every byte that came by ${source} through ${slots} slots of ${slotBytes} bytes`
  test(name, { timeout: TIMEOUT_MS }, async (t) => {
    t.diagnostic(`COPYMAN_SEED=${SEED}`)
    const begun = performance.now()
    const slices = await run(course, SEED + number, t.signal)
    const ms = performance.now() - begun
    checked += slices
    spentMs += ms
    t.diagnostic(`${slices} slices in ${Math.round(ms)} ms`)
  })
}
