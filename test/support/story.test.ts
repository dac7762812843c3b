import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const STORIES = fileURLToPath(new URL('../fixtures/leaking-stories.js', import.meta.url))

test('a story that leaves something fails and says what is left, the error of its body first', async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, ['--test-reporter=tap', STORIES], {
    env: { ...env, COPYMAN_TEST_CLOSE_MS: '500' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
    // the last one has ended; what the others left would keep the process
    if (/^(not )?ok 4 /m.test(output)) child.kill()
  })
  await new Promise((resolve) => child.once('close', resolve))
  assert.match(output, /^not ok 1 - leaves a timer\n[\s\S]*left behind: Timeout \d+ → \d+/m)
  assert.match(output, /^not ok 2 - leaves a backend\n[\s\S]*source still has backends of copyman: \d+/m)
  assert.match(
    output,
    /^not ok 3 - fails, and leaves a thread\n[\s\S]*the body of the story[\s\S]*left behind: threads 0 → 1/m,
  )
  assert.match(output, /^ok 4 - leaves nothing, after stories that did$/m)
})
