import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { CopyError } from '../../../../src/shared/errors/errors.js'
import { StallDetector } from '../../../../src/shared/liveness/stall-detector.js'

const STALL_MS = 1000

/** A detector over two numbers, on a clock that the test moves. */
const detecting = (stallMs: number, run: (reader: Reader, stalls: CopyError[], pass: Pass) => void): void => {
  mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  mock.method(performance, 'now', () => now)
  const reader = { inFlight: 0, released: 0 }
  const stalls: CopyError[] = []
  const detector = new StallDetector(reader, stallMs, (error) => stalls.push(error))
  try {
    run(reader, stalls, (ms) => {
      for (let at = 0; at < ms; at += STALL_MS / 4) {
        now += STALL_MS / 4
        mock.timers.tick(STALL_MS / 4)
      }
    })
  } finally {
    detector.stop()
    mock.restoreAll()
    mock.timers.reset()
  }
}

interface Reader {
  inFlight: number
  released: number
}
type Pass = (ms: number) => void

test('slices in flight of which none is released are a fault that names its deadline, once for each such time', () => {
  detecting(STALL_MS, (reader, stalls, pass) => {
    reader.inFlight = 2
    pass(STALL_MS * 0.75)
    assert.equal(stalls.length, 0)
    pass(STALL_MS * 0.25)
    assert.equal(stalls.length, 1)
    const [{ code, phase, message }] = stalls as [CopyError]
    assert.deepEqual(
      { code, phase, message },
      { code: 'COPY_STALLED', phase: 'copy', message: 'took nothing for 1000 ms (deadlines.stall)' },
    )
    pass(STALL_MS)
    assert.equal(stalls.length, 2)
  })
})

test('a receiver that releases, or has nothing in flight, is not stalled', () => {
  detecting(STALL_MS, (reader, stalls, pass) => {
    pass(5 * STALL_MS)
    reader.inFlight = 3
    for (let slice = 0; slice < 10; slice += 1) {
      pass(STALL_MS / 2)
      reader.released += 1
    }
    assert.deepEqual(stalls, [])
  })
})

test('no deadline, no stall', () => {
  detecting(0, (reader, stalls, pass) => {
    reader.inFlight = 1
    pass(100 * STALL_MS)
    assert.deepEqual(stalls, [])
  })
})
