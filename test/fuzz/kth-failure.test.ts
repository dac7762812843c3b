import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SEED } from '../support/seed.js'
import { IS_FULL, TIMEOUT_MS } from './amount.js'
import type { KthCopy } from './fixtures/kth-copies.js'

const run = promisify(execFile)
const PRELOAD = new URL('./fixtures/fail-kth.js', import.meta.url).href
const PROGRAM = fileURLToPath(new URL('./fixtures/kth-copies.js', import.meta.url))

/** Every operation in full; else every so many-th, from one that the seed chooses. */
const STEP = IS_FULL ? 1 : 9
const FIRST = IS_FULL ? 1 : 1 + (SEED % STEP)
const KINDS = ['connect', 'query', 'write', 'post', 'wait']

for (const onFault of ['isolate', 'abort'] as const) {
  test(`whatever operation fails under ${onFault}: nothing partial, no hang, everything is released`, {
    timeout: TIMEOUT_MS,
  }, async (t) => {
    t.diagnostic(`COPYMAN_SEED=${SEED}`)
    const args = ['--import', PRELOAD, PROGRAM, onFault, String(FIRST), String(STEP)]
    // what is made to fail is pg's own, which a bundle would have a copy of
    const env = { ...process.env, COPYMAN_BUNDLE: 'off' }
    const { stdout } = await run(process.execPath, args, { timeout: TIMEOUT_MS, env })
    const copies = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as KthCopy)
    const hit = copies.flatMap(({ kind, thread }) => (kind === undefined ? [] : [`${thread} ${kind}`]))
    const counts = [...new Set(hit)].map((name) => `${name} ${hit.filter((other) => other === name).length}`)
    t.diagnostic(`${copies.length} copies, the last one clean; failed: ${counts.sort().join(', ')}`)
    assert.equal(copies.at(-1)?.kind, undefined)
    if (!IS_FULL) return
    // which thread is the k-th depends on the moment, and a thread connects only once or twice
    for (const kind of KINDS)
      assert.ok(
        hit.some((name) => name.endsWith(` ${kind}`)),
        `no ${kind} failed`,
      )
    for (const thread of ['main', 'worker'])
      assert.ok(
        hit.some((name) => name.startsWith(thread)),
        thread,
      )
  })
}
