import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Ring } from '../../../../src/main/ring/ring.js'
import { RingReader } from '../../../../src/shared/ring/reader.js'
import { ReceiverRunner, type Report } from '../../../../src/shared/runner/receiver-runner.js'
import type { Target } from '../../../../src/shared/runner/target.js'

test('a runner that is ended while its target is being made is over when the target has been made and ended', async () => {
  let made!: (target: Target) => void
  const making = new Promise<Target>((resolve) => {
    made = resolve
  })
  const reports: Report[] = []
  const ticket = new Ring({ slots: 2, slotBytes: 64 }).ticket()
  const runner = new ReceiverRunner(
    () => making,
    (sequence) => new RingReader(ticket, sequence),
    (report) => reports.push(report),
  )
  let ended = false
  let over = false
  runner.over.then(() => {
    over = true
  })
  runner.handle({ type: 'begin', pass: 1, sequence: 0, stallMs: 0, slowMs: 0 })
  runner.handle({ type: 'abort', reason: 'the copy was aborted', deadlineMs: 100 })
  runner.handle({ type: 'close', deadlineMs: 100 })
  await turn()
  assert.equal(over, false, 'a thread that ends now would leave the files open that it loads')
  made({
    close: async () => {
      ended = true
    },
  } as unknown as Target)
  await runner.over
  assert.equal(ended, true)
  assert.deepEqual(reports, [{ type: 'aborted', aligned: true }])
})
