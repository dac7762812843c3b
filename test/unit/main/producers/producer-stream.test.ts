import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import fc from 'fast-check'
import { ProducerStream } from '../../../../src/main/producers/producer-stream.js'
import { makeRing, type RingParts } from '../../../../src/main/ring/make-ring.js'
import type { RingShape } from '../../../../src/shared/ring/layout.js'
import { checkSlices, SliceTaker } from '../../../support/ring-taker.js'
import { seeded } from '../../../support/seed.js'
import { row, rowsIn } from '../../../support/wire.js'

let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => undefined, 1000)
})
after(() => clearInterval(alive))

// a writer with rows looks again and again whether the ring has room: also after a test that failed
const opened: RingParts[] = []
afterEach(() => {
  for (const { writer } of opened.splice(0)) writer.stopFlush()
})

const streamInto = (shape: RingShape) => {
  const parts = makeRing(shape, () => undefined)
  opened.push(parts)
  const taker = new SliceTaker(parts)
  const stream = new ProducerStream(parts, 1, () => undefined)
  /** Waits for what the producer does; the receiver takes only when it has to. */
  const taking = async (work: Promise<void>): Promise<void> => {
    let done = false
    work.finally(() => {
      done = true
    })
    for (;;) {
      await new Promise(setImmediate)
      if (done) return work
      taker.all()
    }
  }
  return { parts, taker, stream, taking }
}

for (const shape of [2, 3, 64].flatMap((slots) => [64, 256].map((slotBytes) => ({ slots, slotBytes })))) {
  const { slots, slotBytes } = shape
  test(`rows arrive whole and in order through ${slots} slots of ${slotBytes} bytes`, async (t) => {
    const sizes = [0, 1, slotBytes - 6, slotBytes - 5, slotBytes - 4, 3 * slotBytes]
    const rows = fc.array(row(slots * slotBytes * 2, sizes), { maxLength: 40, size: 'max' })
    const lists = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(rows, lists, async (items, lists) => {
        const { taker, stream, taking } = streamInto(shape)
        const rows = rowsIn(items)
        for (let at = 0, turn = 0; at < rows.length; turn += 1) {
          const list = rows
            .slice(at, at + (lists[turn % lists.length] as number))
            .map((row) => Buffer.from(row))
          at += list.length
          await taking(stream.rows(list))
          // the bytes may be reused once the rows are laid down
          for (const row of list) row.fill('!')
        }
        await taking(stream.flush())
        taker.all()
        checkSlices(taker.taken, rows, slotBytes)
      }),
      seeded(t, 60),
    )
  })
}

test('chunks arrive byte for byte, each counted once', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 700, size: 'max' })),
      async (chunks) => {
        const { taker, stream, taking, parts } = streamInto({ slots: 3, slotBytes: 64 })
        for (const chunk of chunks) await taking(stream.chunk(chunk))
        await taking(stream.flush())
        taker.all()
        assert.equal(taker.text, Buffer.concat(chunks).toString('latin1'))
        assert.equal(parts.writer.totals.messages, chunks.length)
      },
    ),
    seeded(t, 30),
  )
})

test('a row that waits for room is dropped when the pass is stopped', async () => {
  const { parts, stream } = streamInto({ slots: 2, slotBytes: 64 })
  const full = (async () => {
    while (!stream.isStopped) await stream.rows([Buffer.alloc(59)])
  })()
  await new Promise(setImmediate)
  assert.equal(parts.writer.sequence, 1)
  stream.stop()
  parts.gate.wake()
  await full
  await stream.flush()
  assert.equal(parts.writer.sequence, 1)
})

test('a slow receiver holds the producer at one ring, and no row is lost when it goes on', async () => {
  const { taker, stream, parts } = streamInto({ slots: 4, slotBytes: 64 })
  const rows = Array.from({ length: 50 }, (_, number) => Buffer.from(`${number} `.padEnd(59, '.')))
  const laid = stream.rows(rows)
  parts.gate.take(Number.MAX_SAFE_INTEGER)
  await new Promise(setImmediate)
  assert.equal(parts.writer.sequence, 3)
  let done = false
  laid.then(() => {
    done = true
  })
  while (!done) {
    taker.take()
    taker.release()
    await new Promise(setImmediate)
    assert.ok(parts.writer.sequence - taker.reader.released < 4)
  }
  while (taker.take()) taker.release()
  await stream.flush()
  while (taker.take()) taker.release()
  checkSlices(taker.taken, rows, 64)
})
