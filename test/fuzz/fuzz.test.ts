import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { SEED } from '../support/seed.js'
import { IS_FULL, TIMEOUT_MS } from './amount.js'
import type { FuzzOrders, FuzzReport } from './fixtures/fuzz-thread.js'

/** Mutated frames of the wire and messages between threads: 10,000,000 in full, 100,000 else. */
const FRAMES = IS_FULL ? { wire: 9_500_000, messages: 500_000 } : { wire: 60_000, messages: 5_000 }
/** One conversation takes microseconds; this long without the next is a hang, however loaded the machine. */
const HANG_MS = 60_000
/** What a thread may hold: V8 collects when it likes, and most of this is what was not collected yet. */
const PEAK_BYTES = 400 * 1024 * 1024

/** Fuzzes in a thread of its own, which may hang without hanging the test. */
const fuzz = async (t: TestContext, what: FuzzOrders['what']): Promise<FuzzReport> => {
  t.diagnostic(`COPYMAN_SEED=${SEED}`)
  const progress = new SharedArrayBuffer(4)
  const cell = new Int32Array(progress)
  const workerData: FuzzOrders = { what, seed: SEED, frames: FRAMES[what], progress }
  const thread = new Worker(new URL('./fixtures/fuzz-thread.js', import.meta.url), { workerData })
  let watch: NodeJS.Timeout | undefined
  const hangs = new Promise<never>((_, reject) => {
    let seen = -1
    watch = setInterval(() => {
      if (seen === cell[0]) reject(new assert.AssertionError({ message: `case ${seen} hangs` }))
      seen = cell[0] as number
    }, HANG_MS)
  })
  const reported = new Promise<FuzzReport>((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`the thread ended with code ${code} in case ${cell[0]}`)))
  })
  const begun = performance.now()
  try {
    const report = await Promise.race([reported, hangs])
    const { cases, frames, ends, peakBytes } = report
    const mib = Math.round(peakBytes / 1024 / 1024)
    const ms = Math.round(performance.now() - begun)
    t.diagnostic(
      `${frames} mutated in ${cases} conversations, ${ms} ms, peak ${mib} MiB: ${JSON.stringify(ends)}`,
    )
    assert.ok(peakBytes < PEAK_BYTES, `${mib} MiB`)
    return report
  } finally {
    clearInterval(watch)
    await thread.terminate()
  }
}

test('mutated frames of a server end in a CopyError or in nothing: no crash, no hang, no memory', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const { ends } = await fuzz(t, 'wire')
  const known = ['COPY_PROTOCOL', 'COPY_SERVER', 'COPY_CONNECT', 'COPY_CONNECTION_LOST', 'done']
  for (const end of known) assert.ok((ends[end] ?? 0) > 0, `none ended with ${end}`)
  assert.deepEqual(
    Object.keys(ends).filter((end) => !known.includes(end)),
    [],
  )
})

test('mutated messages between threads end in a fault or in nothing: no crash, no hang', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  const { ends } = await fuzz(t, 'messages')
  assert.equal(Object.keys(ends).length, 4, JSON.stringify(ends))
})
