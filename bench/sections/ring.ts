import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Bench } from 'tinybench'
import { makeRing, type RingParts } from '../../src/main/ring/make-ring.js'
import { STREAM_STATE } from '../../src/shared/ring/cells.js'
import { toCell } from '../../src/shared/ring/sequence.js'
import type { Section } from '../report/section.js'

const MIB = 1024 * 1024
const SLICES = 2000

/** Threads that take slices and give them back at once. */
const startReaders = async (parts: RingParts, readers: number): Promise<Worker[]> => {
  const workers = Array.from({ length: readers }, () => {
    const ticket = parts.ring.ticket()
    parts.ring.cells.setCursor(ticket.receiver, toCell(0))
    parts.gate.add(ticket.receiver, 0)
    return new Worker(new URL('../programs/ring-reader.js', import.meta.url), { workerData: ticket })
  })
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  return workers
}

/** Publishes full slots, with the bytes that lie there, and waits until every reader has released them. */
const publish = async ({ writer, gate, ring }: RingParts, slices: number): Promise<void> => {
  for (let i = 0; i < slices; i++) {
    writer.slot.advance(writer.slot.limit, writer.slot.limit, 1)
    if (!writer.publish()) await writer.space(() => false)
  }
  const last = writer.sequence + ring.shape.slots - 1
  while (!gate.isFree(last)) await gate.change(last)
}

const measure = async (readers: number, slotBytes: number): Promise<string[]> => {
  const parts: RingParts = makeRing({ slots: 32, slotBytes }, () => parts.gate.take(parts.writer.sequence))
  parts.writer.setState(STREAM_STATE.open)
  const workers = await startReaders(parts, readers)
  // waits do not keep a thread alive
  const alive = setInterval(() => undefined, 1000)
  const bench = new Bench({ time: 500, warmupTime: 100, throws: true })
  bench.add('many', () => publish(parts, SLICES)).add('one', () => publish(parts, 1))
  await bench.run()
  clearInterval(alive)
  await Promise.all(workers.map((worker) => worker.terminate()))
  const [many, one] = bench.tasks.map(({ result }) => {
    if (result.state !== 'completed') throw new Error(`the ring bench ended as ${result.state}`)
    return result.latency.p50
  }) as [number, number]
  const perSlice = (many * 1000) / SLICES
  return [
    String(readers),
    slotBytes >= MIB ? `${slotBytes / MIB} MiB` : `${slotBytes / 1024} KiB`,
    perSlice.toFixed(2),
    (slotBytes / 1e3 / perSlice).toFixed(1),
    (one * 1000).toFixed(0),
  ]
}

/** The ring alone: slots are published and released between threads; no bytes are moved. */
export const ringSection = async (): Promise<Section> => {
  const rows: string[][] = []
  for (const slotBytes of [4096, 64 * 1024, MIB])
    for (const readers of [1, 2, 4, 8, 16]) rows.push(await measure(readers, slotBytes))
  return {
    title: 'The ring alone, between threads',
    text: 'Full slots are published by one thread and given back by each of the others, 32 slots, no byte moved: what a slice costs besides its bytes. Medians.',
    tables: [
      {
        head: ['readers', 'slot', 'µs per slice', 'GB/s of slots', 'one slice there and back, µs'],
        rows,
      },
    ],
    charts: [],
    bars: [],
  }
}
