import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { ProducerStream } from '../../../../src/main/producers/producer-stream.js'
import { makeRing, type RingParts } from '../../../../src/main/ring/make-ring.js'
import { STREAM_STATE } from '../../../../src/shared/ring/cells.js'
import { entryOf } from '../../../../src/shared/ring/layout.js'
import { toCell } from '../../../../src/shared/ring/sequence.js'
import { checkSlices, SliceTaker, shuffleFree } from '../../../support/ring-taker.js'
import { randomFrom, SEED } from '../../../support/seed.js'

// Atomics.waitAsync keeps no thread alive
let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => undefined, 1000)
})
after(() => clearInterval(alive))

const SLOT_BYTES = 64
/** Payload bytes of a full slot. */
const FULL = 59

/** What the table says of a sequence. */
const entry = ({ ring: { cells, shape } }: RingParts, sequence: number): number[] => {
  const at = entryOf(shape, sequence)
  return [cells.slot(at), cells.bytes(at), cells.rows(at), cells.flags(at)]
}

// a writer with rows looks again and again whether the ring has room: also after a test that failed
const opened: RingParts[] = []
afterEach(() => {
  for (const { writer } of opened.splice(0)) writer.stopFlush()
})

/** A ring with two receivers. */
const open = (slots: number, firstSequence = 0) => {
  const parts = makeRing({ slots, slotBytes: SLOT_BYTES }, () => undefined, firstSequence)
  opened.push(parts)
  const takers = [new SliceTaker(parts), new SliceTaker(parts)] as const
  return { parts, takers, stream: new ProducerStream(parts, 1, () => undefined) }
}

for (const first of [0, 2 ** 31 - 150, 2 ** 32 - 150]) {
  for (const slots of [2, 3, 7, 16]) {
    test(`slots that come free in any order hold the slices in order, from ${first} on in ${slots} slots`, async (t) => {
      t.diagnostic(`COPYMAN_SEED=${SEED}`)
      const random = randomFrom(SEED + slots)
      const { parts, takers, stream } = open(slots, first)
      const rows = Array.from({ length: 300 }, (_, number) =>
        Buffer.from(`${number} `.padEnd(1 + Math.floor(random() * 100), '.')),
      )
      const used: number[] = []
      /** Entries of the slices that a gating cursor may still read. */
      const described = new Map<number, number[]>()
      for (const row of rows) {
        shuffleFree(parts, random)
        const from = parts.writer.sequence
        let laid = false
        const laying = stream.rows([row]).then(() => {
          laid = true
        })
        for (;;) {
          for (const taker of takers) if (random() < 0.7) taker.take()
          await new Promise(setImmediate)
          if (laid) break
          for (const taker of takers) taker.all()
        }
        await laying
        for (let sequence = from; sequence < parts.writer.sequence; sequence += 1) {
          described.set(sequence, entry(parts, sequence))
          used.push(entry(parts, sequence)[0] as number)
        }
        const floor = Math.min(...takers.map(({ reader }) => reader.released))
        for (let sequence = floor; sequence < parts.writer.sequence; sequence += 1)
          assert.deepEqual(entry(parts, sequence), described.get(sequence), `entry of ${sequence} changed`)
      }
      const flushed = stream.flush()
      for (const taker of takers) taker.all()
      await flushed
      for (const taker of takers) {
        taker.all()
        checkSlices(taker.taken, rows, SLOT_BYTES)
      }
      // no shuffle of 15 slots leaves their order as it was
      if (slots === 16) {
        const isUsual = used.every((slot, at) => slot === (first + at) % slots)
        assert.equal(isUsual, false, 'all slots in the usual order')
      }
    })
  }
}

test('a receiver that looks at the moment of the publish sees the whole slice', async () => {
  const { parts, takers, stream } = open(3)
  const { cells } = parts.ring
  const publish = cells.publish.bind(cells)
  cells.publish = (cell) => {
    publish(cell)
    for (const taker of takers) taker.all()
  }
  const rows = Array.from({ length: 50 }, (_, number) =>
    Buffer.from(`${number} `.padEnd(1 + ((number * 37) % 150), '.')),
  )
  await stream.rows(rows)
  await stream.flush()
  for (const taker of takers) checkSlices(taker.taken, rows, SLOT_BYTES)
})

test('an entry is not written while a gating cursor may still read it', () => {
  const { parts, takers } = open(4)
  parts.gate.take(1000)
  parts.table.write(3, 2, 0, 0, 0)
  assert.throws(
    () => parts.table.write(4, 2, 0, 0, 0),
    /entry of sequence 4 is still read at 0, with 4 slots/,
  )
  for (const receiver of takers.keys()) parts.ring.cells.setCursor(receiver, 1)
  assert.ok(parts.gate.isFree(4))
  parts.table.write(4, 2, 0, 0, 0)
  assert.throws(() => parts.table.write(5, 2, 0, 0, 0), RangeError)
})

test('a slot is claimed only when every gating cursor has passed its slice, the oldest first', async () => {
  const { parts, takers, stream } = open(3)
  parts.gate.take(1000)
  await stream.rows([Buffer.alloc(FULL), Buffer.alloc(FULL)])
  assert.equal(parts.writer.sequence, 2)
  assert.throws(() => parts.table.claim(), /no slot is free/)
  const slots = [0, 1].map((sequence) => entry(parts, sequence)[0])
  for (const taker of takers) {
    taker.take()
    taker.take()
    taker.release()
  }
  assert.ok(parts.gate.isFree(3))
  assert.equal(parts.table.claim(), slots[0])
  assert.throws(() => parts.table.claim(), /no slot is free/)
})

test('a receiver that joins at a slice whose slot was freed is a fault', async () => {
  const { parts, takers, stream } = open(2)
  for (let row = 0; row < 5; row += 1) {
    await stream.rows([Buffer.alloc(FULL)])
    for (const taker of takers) taker.all()
  }
  const { receiver } = parts.ring.ticket()
  parts.ring.cells.setCursor(receiver, toCell(1))
  parts.gate.add(receiver, 1)
  const { sequence } = parts.writer
  assert.throws(() => parts.table.write(2, 0, 0, 0, 0), /a receiver reads at 1, slots before \d+ are free/)
  assert.equal(parts.writer.sequence, sequence)
})

test('pieces of a row say that they go on, and that they begin inside it', async () => {
  const { parts, takers, stream } = open(8)
  const flags = (): boolean[][] => {
    const [taker] = takers
    for (const each of takers) each.all()
    return taker.taken.splice(0).map(({ continues, continued }) => [continued, continues])
  }
  const rows = [Buffer.alloc(FULL), Buffer.alloc(2 * FULL + 1), Buffer.alloc(FULL), Buffer.alloc(2 * FULL)]
  await stream.rows(rows)
  await stream.flush()
  const whole = [false, false]
  assert.deepEqual(flags(), [
    whole,
    [false, true],
    [true, true],
    [true, false],
    whole,
    [false, true],
    [true, false],
  ])
  // a pass that was aborted inside a row leaves nothing of it to the next
  parts.writer.slot.advance(parts.writer.slot.limit, parts.writer.slot.mark, 0)
  assert.ok(parts.writer.publish())
  parts.writer.setState(STREAM_STATE.open)
  await stream.rows([Buffer.alloc(FULL)])
  assert.deepEqual(flags(), [[false, true], whole])
})
