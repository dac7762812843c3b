import { Bench } from 'tinybench'
import { type Deframer, WasmDeframer } from '../../src/main/ring/deframer.js'
import { DeframeTwin } from '../../test/support/deframe-twin.js'
import type { Section } from '../report/section.js'

const MIB = 1024 * 1024
const PAGE_BYTES = 64 * 1024
/** The frames lie in a region of this size. The rows are moved into a region of the same size before it. */
const REGION_BYTES = 8 * MIB + PAGE_BYTES
/** Frames for each call: as many as fit a core's cache, or a single larger frame. */
const CALL_BYTES = MIB
const ROW_BYTES = [12, 32, 100, 400, 2000, 8 * MIB]

/** Fills memory with whole frames from REGION_BYTES on. @returns the number of frames */
const fill = (bytes: Uint8Array, rowBytes: number): number => {
  const frame = Buffer.alloc(5 + rowBytes, 'x')
  frame.write('d')
  frame.writeInt32BE(4 + rowBytes, 1)
  const rows = Math.max(1, Math.floor(CALL_BYTES / frame.length))
  for (let row = 0; row < rows; row++) bytes.set(frame, REGION_BYTES + row * frame.length)
  return rows
}

/** Times each deframer over the same rows. @returns cells of the table: ns per row and GB/s of each */
const measure = async (
  deframers: readonly (readonly [string, Deframer])[],
  rows: number,
  rowBytes: number,
): Promise<string[]> => {
  const end = REGION_BYTES + rows * (5 + rowBytes)
  const bench = new Bench({ time: 500, warmupTime: 200, throws: true })
  for (const [name, deframer] of deframers) {
    bench.add(name, () => {
      deframer.reset()
      deframer.deframe(REGION_BYTES, end, 0, REGION_BYTES, 0)
      if (deframer.rows !== rows) throw new Error(`${name} found ${deframer.rows} rows of ${rows}`)
    })
  }
  await bench.run()
  return bench.tasks.flatMap(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`)
    const ns = result.latency.p50 * 1e6
    return [(ns / rows).toFixed(1), ((rows * rowBytes) / ns).toFixed(2)]
  })
}

/** The deframing kernel and its plain TypeScript twin, over the same bytes in the same memory. */
export const kernelSection = async (): Promise<Section> => {
  const pages = (2 * REGION_BYTES) / PAGE_BYTES
  const memory = new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages })
  const bytes = new Uint8Array(memory.buffer)
  const deframers = [
    ['kernel', new WasmDeframer(memory)],
    ['twin', new DeframeTwin(bytes)],
  ] as const
  const table: string[][] = []
  for (const rowBytes of ROW_BYTES) {
    const cells = await measure(deframers, fill(bytes, rowBytes), rowBytes)
    table.push([rowBytes >= MIB ? `${rowBytes / MIB} MiB` : String(rowBytes), ...cells])
  }
  return {
    title: 'The deframing kernel',
    text: 'The kernel and its twin in plain TypeScript, 1 MiB of frames for each call (one frame for the largest rows); medians of the calls.',
    tables: [{ head: ['row bytes', 'kernel, ns per row', 'GB/s', 'twin, ns per row', 'GB/s'], rows: table }],
    charts: [],
    bars: [],
  }
}
