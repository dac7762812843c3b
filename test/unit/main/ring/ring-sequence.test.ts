import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ProducerStream } from '../../../../src/main/producers/producer-stream.js'
import { makeRing } from '../../../../src/main/ring/make-ring.js'
import { RingCopy } from '../../../support/ring-copy.js'
import { checkSlices, SliceTaker } from '../../../support/ring-taker.js'
import { copyData, copyOutResponse } from '../../../support/wire.js'

let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => undefined, 1000)
})
after(() => clearInterval(alive))

const SLICES = 3000

for (const [name, edge] of [
  ['2^31', 2 ** 31],
  ['2^32', 2 ** 32],
  ['2^33', 2 ** 33],
] as const) {
  for (const slots of [2, 3, 64]) {
    test(`${SLICES} slices cross sequence ${name} in ${slots} slots`, async () => {
      const first = edge - SLICES / 2
      const parts = makeRing({ slots, slotBytes: 64 }, () => undefined, first)
      const takers = [new SliceTaker(parts), new SliceTaker(parts)]
      const stream = new ProducerStream(parts, 1, () => undefined)
      const rows = Array.from({ length: SLICES }, (_, number) =>
        Buffer.from(`${first + number} `.padEnd(59, '.')),
      )
      for (const [number, row] of rows.entries()) {
        const laid = stream.rows([row])
        // the first releases each slice at once, the second holds as many as the ring allows
        takers[0]?.all()
        takers[1]?.take()
        if (number % (slots - 1) === 0) takers[1]?.all()
        await laid
        const { sequence } = parts.writer
        assert.deepEqual(parts.writer.totals.before(sequence - 1), { messages: number, bytes: number * 59 })
      }
      for (const taker of takers) {
        taker.all()
        assert.equal(taker.reader.released, first + SLICES)
        checkSlices(taker.taken, rows, 64)
      }
    })
  }

  test(`a receiver that joins across sequence ${name} gets what is there, and its cursor holds the writer`, async () => {
    const copy = new RingCopy({ slots: 3, slotBytes: 64 }, edge - 1)
    copy.land(copyOutResponse())
    copy.land(copyData('a'.repeat(59)))
    const late = new SliceTaker(copy.parts, edge - 1)
    copy.taker.all()
    copy.land(copyData('b'.repeat(59)))
    copy.taker.all()
    assert.equal(copy.parts.writer.sequence, edge + 1)
    assert.equal(copy.parts.gate.isFree(edge + 2), false)
    assert.ok(late.take() && late.take())
    late.all()
    assert.equal(copy.parts.gate.isFree(edge + 2), true)
    assert.equal(late.text, copy.taker.text)
  })
}
