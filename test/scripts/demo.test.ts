import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const DEMO = fileURLToPath(new URL('../../scripts/demo/demo.js', import.meta.url))
const DEADLINE_MS = 120_000

test('the demo ends well within two minutes without a terminal, with one fault, one reconcile, and four equal servers', async () => {
  const child = spawn(process.execPath, [DEMO], { stdio: ['ignore', 'pipe', 'pipe'], timeout: DEADLINE_MS })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const status = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(status, 0, output)
  assert.match(output, /FAULT {3}osaka: .*SQLSTATE 57P01/)
  assert.match(output, /RECONCILED from the start: osaka/)
  assert.equal(output.match(/1,000,000 rows +-?\d+ +equal/g)?.length, 4)
})
