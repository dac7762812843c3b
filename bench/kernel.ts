// The deframing kernel beside its plain TypeScript twin, over the same bytes in the same memory: `npm run bench:kernel`.
import { Bench } from 'tinybench'
import { type Deframer, WasmDeframer } from '../src/main/deframer.js'
import { DeframeTwin } from '../test/support/deframe-twin.js'

const REGION_BYTES = 1024 * 1024
const PAGE_BYTES = 64 * 1024
const ROW_BYTES = [12, 32, 100, 400, 2000]

const pages = (2 * REGION_BYTES) / PAGE_BYTES
const memory = new WebAssembly.Memory({ shared: true, initial: pages, maximum: pages })
const bytes = new Uint8Array(memory.buffer)

/** Fills the second half of the memory with whole frames. @returns how many */
const fill = (rowBytes: number): number => {
  const frame = Buffer.alloc(5 + rowBytes, 'x')
  frame.write('d')
  frame.writeInt32BE(4 + rowBytes, 1)
  const rows = Math.floor(REGION_BYTES / frame.length)
  for (let row = 0; row < rows; row++) bytes.set(frame, REGION_BYTES + row * frame.length)
  return rows
}

const deframers: [string, Deframer][] = [
  ['kernel', new WasmDeframer(memory)],
  ['twin', new DeframeTwin(bytes)],
]

console.log(`node ${process.version}, ${REGION_BYTES} bytes of frames per call, median of the calls`)
for (const rowBytes of ROW_BYTES) {
  const rows = fill(rowBytes)
  const end = REGION_BYTES + rows * (5 + rowBytes)
  const bench = new Bench({ time: 1000, warmupTime: 200 })
  for (const [name, deframer] of deframers) {
    bench.add(name, () => {
      deframer.reset()
      deframer.deframe(REGION_BYTES, end, 0, REGION_BYTES, 0)
      if (deframer.rows !== rows) throw new Error(`${name} found ${deframer.rows} rows of ${rows}`)
    })
  }
  await bench.run()
  for (const { name, result } of bench.tasks) {
    if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`)
    const ms = result.latency.p50
    const nsPerRow = (ms * 1e6) / rows
    const gigabytes = (rows * rowBytes) / 1e9 / (ms / 1000)
    console.log(
      `${String(rowBytes).padStart(5)} bytes  ${name.padEnd(6)}  ${nsPerRow.toFixed(1).padStart(7)} ns/row  ${gigabytes.toFixed(2).padStart(6)} GB/s`,
    )
  }
}
