import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { ProducerStream } from '../../../../src/main/producers/producer-stream.js'
import { makeRing, type RingParts } from '../../../../src/main/ring/make-ring.js'
import { STREAM_STATE } from '../../../../src/shared/ring/cells.js'
import { RingReader, type RingTicket } from '../../../../src/shared/ring/reader.js'

let parts: RingParts
let ticket: RingTicket
let reader: RingReader

beforeEach(async () => {
  parts = makeRing({ slots: 4, slotBytes: 64 }, () => undefined)
  ticket = parts.ring.ticket()
  parts.ring.cells.setCursor(ticket.receiver, 0)
  parts.gate.add(ticket.receiver, 0)
  parts.gate.take(1000)
  reader = new RingReader(ticket, 0)
  const stream = new ProducerStream(parts, 1, () => undefined)
  await stream.rows(['zero', 'one', 'two'].map((name) => Buffer.from(name.padEnd(59))))
})

const text = (slice: { frame: Uint8Array } | undefined): string | undefined =>
  slice && Buffer.from(slice.frame).toString('latin1', 5).trimEnd()

test('slices come in order, each once, and then none', () => {
  assert.deepEqual([reader.next(), reader.next(), reader.next(), reader.next()].map(text), [
    'zero',
    'one',
    'two',
    undefined,
  ])
  assert.equal(reader.inFlight, 3)
  assert.equal(reader.released, 0)
})

test('a slice is one CopyData message in the slot itself', () => {
  const slice = reader.next()
  assert.ok(slice)
  assert.equal(slice.frame.buffer, parts.ring.buffer)
  assert.equal(Buffer.from(slice.frame).toString('latin1', 0, 5), 'd\0\0\0\x3f')
  const { sequence, bytes, rows, continues, continued } = slice
  assert.deepEqual(
    { sequence, bytes, rows, continues, continued },
    { sequence: 0, bytes: 59, rows: 1, continues: false, continued: false },
  )
})

test('what is handed out still holds the writer; what is released does not', () => {
  reader.next()
  reader.next()
  assert.equal(parts.ring.cells.cursor(ticket.receiver), 0)
  assert.equal(parts.gate.isFree(4), false)
  reader.release()
  assert.equal(parts.ring.cells.cursor(ticket.receiver), 1)
  assert.equal(parts.gate.isFree(4), true)
  assert.equal(parts.gate.isFree(5), false)
})

test('nothing can be released that is not in flight', () => {
  assert.throws(() => reader.release(), RangeError)
  reader.next()
  reader.release()
  assert.throws(() => reader.release(), RangeError)
  assert.equal(parts.ring.cells.cursor(ticket.receiver), 1)
})

test('rewind hands out again what is in flight, and nothing that was released', () => {
  reader.next()
  reader.next()
  reader.release()
  reader.rewind()
  assert.equal(reader.inFlight, 0)
  assert.deepEqual([reader.next(), reader.next(), reader.next()].map(text), ['one', 'two', undefined])
})

test('a reader begins at any sequence, with nothing in flight', () => {
  parts.ring.cells.setCursor(ticket.receiver, 2)
  const later = new RingReader(ticket, 2)
  assert.deepEqual([later.inFlight, later.released], [0, 2])
  assert.equal(text(later.next()), 'two')
  later.release()
  assert.equal(later.released, 3)
  assert.equal(parts.ring.cells.cursor(ticket.receiver), 3)
})

test('a reader that has handed out more than is published is a fault', () => {
  const ahead = new RingReader(ticket, 4)
  assert.throws(() => ahead.next(), /slices before 3 are published, those before 4 handed out/)
})

test('the state of the stream is what main set, and an unknown one is a fault', () => {
  assert.equal(reader.state(), STREAM_STATE.open)
  parts.writer.setState(STREAM_STATE.ended)
  assert.equal(reader.state(), STREAM_STATE.ended)
  parts.writer.setState(7 as never)
  assert.throws(() => reader.state(), /unknown stream state 7/)
})

test('the bell rings at each publish and each change of state', () => {
  const seen = reader.bell()
  assert.notEqual(reader.waitForBell(seen, 1000), true)
  parts.writer.setState(STREAM_STATE.ended)
  assert.equal(reader.waitForBell(seen, 1000), true)
  const ended = reader.bell()
  parts.ring.cells.publish(3)
  assert.equal(reader.waitForBell(ended, 1000), true)
})

test('memory that is too small for its shape is refused', () => {
  const buffer = new SharedArrayBuffer(65_536)
  assert.throws(() => new RingReader({ ...ticket, buffer }, 0), /ring memory has 65536 bytes/)
})
