import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { STREAM_STATE } from '../../../../src/shared/ring/cells.js'
import { RingCopy } from '../../../support/ring-copy.js'
import { SliceTaker } from '../../../support/ring-taker.js'
import { copyData, copyOutResponse } from '../../../support/wire.js'

/** The most that whole rows may lie unpublished when the source falls silent. */
const SILENCE_MS = 50

beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
afterEach(() => mock.timers.reset())

const started = (slots: number, slotBytes = 256): RingCopy => {
  const copy = new RingCopy({ slots, slotBytes })
  copy.land(copyOutResponse())
  return copy
}

test('rows reach a receiver that waits without any silence', () => {
  const copy = started(3)
  copy.land(copyData('one\n'))
  assert.ok(copy.taker.take())
  assert.equal(copy.taker.text, 'one\n')
})

test('a receiver that waits is not woken for each of the small pieces of a stream', () => {
  const copy = started(4, 1024 * 1024)
  const pieces = 2000
  const begun = performance.now()
  for (let piece = 0; piece < pieces; piece += 1) {
    copy.land(copyData(`${piece}\n`))
    copy.taker.all()
  }
  // the first, and then one in each millisecond
  const { sequence } = copy.parts.writer
  assert.ok(sequence <= 1 + (performance.now() - begun), `${sequence} slices`)
  mock.timers.tick(SILENCE_MS)
  copy.taker.all()
  assert.equal(copy.taker.text, Array.from({ length: pieces }, (_, i) => `${i}\n`).join(''))
})

test('a receiver that waits gets much at once without any silence', () => {
  const copy = started(4, 1024 * 1024)
  const row = copyData(`${'x'.repeat(9999)}\n`)
  copy.land(row)
  assert.ok(copy.taker.take())
  copy.taker.release()
  copy.land(Buffer.concat(Array.from({ length: 20 }, () => row)))
  assert.ok(copy.taker.take())
  assert.equal(copy.taker.text.length, 21 * 10_000)
})

test('rows that came in a burst are published in the silence after it while the receiver is busy', () => {
  const copy = started(4)
  copy.land(copyData('one\n'))
  copy.taker.take()
  copy.land(Buffer.concat([copyData('two\n'), copyData('three\n')]))
  assert.equal(copy.taker.take(), false)
  mock.timers.tick(SILENCE_MS)
  assert.ok(copy.taker.take())
  assert.equal(copy.taker.text, 'one\ntwo\nthree\n')
})

test('a burst reaches the receiver that is done while another is still busy', () => {
  const copy = started(4)
  const busy = new SliceTaker(copy.parts)
  copy.land(copyData('one\n'))
  busy.take()
  copy.taker.take()
  copy.land(copyData('two\n'))
  copy.taker.all()
  mock.timers.tick(SILENCE_MS)
  copy.taker.all()
  assert.equal(copy.taker.text, 'one\ntwo\n')
  busy.release()
})

test('a burst that found the ring full is delivered in the silence, once the busy receiver has released its slice', () => {
  const copy = started(2)
  const busy = new SliceTaker(copy.parts)
  copy.land(copyData('one\n'))
  busy.take()
  copy.taker.all()
  // one receiver waits, but the other holds the whole ring
  copy.land(copyData('two\n'))
  assert.equal(copy.taker.take(), false)
  busy.release()
  mock.timers.tick(SILENCE_MS)
  copy.taker.all()
  assert.equal(copy.taker.text, 'one\ntwo\n')
})

test('the silence is looked at again while the ring stays full', () => {
  const copy = started(2)
  copy.land(copyData('one\n'))
  copy.taker.take()
  copy.land(copyData('two\n'))
  for (let silence = 0; silence < 10; silence += 1) mock.timers.tick(5)
  assert.equal(copy.taker.take(), false)
  copy.taker.release()
  mock.timers.tick(SILENCE_MS)
  copy.taker.all()
  assert.equal(copy.taker.text, 'one\ntwo\n')
})

test('a read that lands after a publish in the silence loses nothing, however its slot is used since', () => {
  for (const slots of [2, 3, 64]) {
    const half = copyData('the second row\n')
    for (let cut = 0; cut <= half.length; cut += 1) {
      const copy = started(slots, 64)
      copy.land(copyData('one\n'))
      copy.taker.take()
      copy.land(Buffer.concat([copyData('first row\n'), half.subarray(0, cut)]))
      const { sequence } = copy.parts.writer
      if (slots === 2) copy.taker.release()
      mock.timers.tick(5)
      assert.equal(copy.parts.writer.sequence, sequence + 1)
      // the receiver takes and releases all slices: the slot of the read under way may be used again
      copy.taker.all()
      copy.land(Buffer.concat([half.subarray(cut), copyData('third row, longer than what is left\n')]))
      mock.timers.tick(5)
      copy.taker.all()
      mock.timers.tick(5)
      copy.taker.all()
      assert.equal(copy.taker.text, 'one\nfirst row\nthe second row\nthird row, longer than what is left\n')
    }
  }
})

test('an unfinished row alone is not published in the silence', () => {
  const copy = started(3)
  copy.land(copyData('a long row\n').subarray(0, 12))
  mock.timers.tick(SILENCE_MS)
  assert.equal(copy.taker.take(), false)
})

test('nothing is published in the silence after the end of a pass', () => {
  const copy = started(4)
  copy.land(copyData('one\n'))
  copy.taker.take()
  copy.land(copyData('two\n'))
  copy.parts.writer.setState(STREAM_STATE.aborted)
  mock.timers.tick(SILENCE_MS)
  assert.equal(copy.taker.take(), false)
})
