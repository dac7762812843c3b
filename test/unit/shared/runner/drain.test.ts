import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ProducerStream } from '../../../../src/main/producers/producer-stream.js'
import { makeRing } from '../../../../src/main/ring/make-ring.js'
import { STREAM_STATE } from '../../../../src/shared/ring/cells.js'
import { RingReader } from '../../../../src/shared/ring/reader.js'
import type { RingSlice } from '../../../../src/shared/ring/slice-reader.js'
import { Drain } from '../../../../src/shared/runner/drain.js'
import type { Target } from '../../../../src/shared/runner/target.js'

// Atomics.waitAsync keeps no thread alive
let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => undefined, 1000)
})
after(() => clearInterval(alive))

const turn = (): Promise<void> => new Promise(setImmediate)

/** A target whose slices leave when the test says so; with `early`, from inside `send`. */
const drainOf = ({ maxInFlight = 2, early = false } = {}) => {
  const parts = makeRing({ slots: 8, slotBytes: 64 }, () => undefined)
  parts.gate.take(1000)
  const ticket = parts.ring.ticket()
  parts.gate.add(ticket.receiver, 0)
  const reader = new RingReader(ticket, 0)
  const sending: { slice: RingSlice; sent: (error?: unknown) => void }[] = []
  const texts: string[] = []
  const target: Target = {
    redelivers: false,
    maxInFlight,
    send(slice, sent) {
      assert.ok(reader.inFlight <= maxInFlight)
      assert.ok(reader.released <= slice.sequence, 'released before it was sent')
      texts.push(Buffer.from(slice.frame).toString('latin1', 5).trimEnd())
      if (early) sent()
      else sending.push({ slice, sent })
    },
    failed: new Promise(() => undefined),
    open: () => Promise.resolve(),
    complete: () => Promise.resolve({ commits: false }),
    commit: () => Promise.resolve(),
    abort: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  }
  const stream = new ProducerStream(parts, 1, () => undefined)
  const rows = (...names: string[]): Promise<void> =>
    stream.rows(names.map((name) => Buffer.from(name.padEnd(59))))
  const left = (error?: unknown): void => sending.shift()?.sent(error)
  return { parts, reader, drain: new Drain(reader, target), rows, left, sending, texts }
}

test('slices are sent in order, and each is released only when it has left', async () => {
  const { drain, rows, left, reader, sending, texts, parts } = drainOf()
  await rows('a', 'b', 'c')
  parts.writer.setState(STREAM_STATE.ended)
  const run = drain.run()
  assert.deepEqual(texts, ['a', 'b'])
  assert.equal(reader.released, 0)
  assert.equal(parts.gate.cursor(0), 0)
  left()
  assert.deepEqual(texts, ['a', 'b', 'c'])
  assert.equal(parts.gate.cursor(0), 1)
  left()
  left()
  assert.equal(await run, 'ended')
  assert.equal(parts.gate.cursor(0), 3)
  assert.equal(sending.length, 0)
})

test('a target that is done at once takes everything without growing the stack', async () => {
  const { drain, rows, texts, parts } = drainOf({ early: true, maxInFlight: 1 })
  await rows('a', 'b', 'c', 'd')
  parts.writer.setState(STREAM_STATE.ended)
  assert.equal(await drain.run(), 'ended')
  assert.deepEqual(texts, ['a', 'b', 'c', 'd'])
})

test('a drain that waits is woken by a slice and by the end', async () => {
  const { drain, rows, texts, parts } = drainOf({ early: true })
  const run = drain.run()
  await turn()
  await rows('a')
  await turn()
  await turn()
  assert.deepEqual(texts, ['a'])
  parts.writer.setState(STREAM_STATE.ended)
  assert.equal(await run, 'ended')
})

test('the end of an aborted stream is not an end', async () => {
  const { drain, rows, parts } = drainOf({ early: true })
  await rows('a')
  parts.writer.setState(STREAM_STATE.aborted)
  assert.equal(await drain.run(), 'stopped')
})

test('a stopped drain hands out nothing more and settles when what is in flight has left', async () => {
  const { drain, rows, left, texts } = drainOf()
  await rows('a', 'b', 'c')
  let end: string | undefined
  const run = drain.run().then((state) => {
    end = state
  })
  drain.stop()
  left()
  await turn()
  assert.equal(end, undefined)
  assert.deepEqual(texts, ['a', 'b'])
  left()
  await run
  assert.equal(end, 'stopped')
})

test('a stopped drain that waits for slices settles at once', async () => {
  const { drain } = drainOf()
  const run = drain.run()
  drain.stop()
  assert.equal(await run, 'stopped')
})

test('a slice that could not be sent is not released, nor are those after it', async () => {
  const { drain, rows, left, reader, sending } = drainOf({ maxInFlight: 3 })
  await rows('a', 'b', 'c')
  const run = drain.run()
  left()
  const error = new Error('no')
  left(error)
  await assert.rejects(run, error)
  assert.equal(reader.released, 1)
  // the next write leaves all the same, too late to count
  sending.shift()?.sent()
  assert.equal(reader.released, 1)
  assert.equal(reader.inFlight, 2)
})
