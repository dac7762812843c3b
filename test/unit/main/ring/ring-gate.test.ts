import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { RingGate } from '../../../../src/main/ring/gate.js'
import { Ring } from '../../../../src/main/ring/ring.js'
import { toCell } from '../../../../src/shared/ring/sequence.js'

// Atomics.waitAsync keeps no thread alive
let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => undefined, 1000)
})
after(() => clearInterval(alive))

const SLOTS = 4
const FAR = Number.MAX_SAFE_INTEGER

/** A gate whose caller never holds anything back, with receivers at these sequences. */
const gateOf = (...sequences: number[]) => {
  const ring = new Ring({ slots: SLOTS, slotBytes: 64 })
  const gate = new RingGate(ring)
  gate.take(FAR)
  const set = (receiver: number, sequence: number): void => ring.cells.setCursor(receiver, toCell(sequence))
  const join = (sequence: number): number => {
    const { receiver } = ring.ticket()
    set(receiver, sequence)
    gate.add(receiver, sequence)
    return receiver
  }
  const receivers = sequences.map(join)
  return { gate, set, join, receivers, cells: ring.cells }
}

/** Whether a promise has settled by the time that everything already decided has happened. */
const settled = async (promise: Promise<void>): Promise<boolean> => {
  let done = false
  promise.then(() => {
    done = true
  })
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate)
  return done
}

test('a slot is free when every receiver has passed the sequence that it held before', () => {
  const { gate, set } = gateOf(0, 0)
  assert.equal(gate.isFree(SLOTS - 1), true)
  assert.equal(gate.isFree(SLOTS), false)
  set(0, 9)
  assert.equal(gate.isFree(SLOTS), false, 'the slow receiver holds it')
  set(1, 1)
  assert.equal(gate.isFree(SLOTS), true)
  assert.equal(gate.isFree(SLOTS + 1), false)
})

test('the slowest of many receivers holds the writer, whichever it is', () => {
  for (const slow of [0, 1, 2]) {
    const { gate, set } = gateOf(0, 0, 0)
    for (const receiver of [0, 1, 2]) set(receiver, receiver === slow ? 3 : 8)
    assert.equal(gate.isFree(3 + SLOTS - 1), true)
    assert.equal(gate.isFree(3 + SLOTS), false)
  }
})

test('a caller that has not taken holds the writer at most one ring ahead', () => {
  const ring = new Ring({ slots: SLOTS, slotBytes: 64 }, 100)
  const gate = new RingGate(ring)
  assert.equal(gate.isFree(100 + SLOTS - 1), true)
  assert.equal(gate.isFree(100 + SLOTS), false)
  gate.take(101)
  assert.equal(gate.isFree(100 + SLOTS), true)
  assert.equal(gate.isFree(101 + SLOTS), false)
})

test('a receiver that joins with an older sequence holds the writer back at once', () => {
  const { gate, set, join } = gateOf(10)
  assert.equal(gate.isFree(13), true)
  const late = join(7)
  assert.equal(gate.isFree(11), false)
  assert.equal(gate.cursor(late), 7)
  set(late, 10)
  assert.equal(gate.isFree(13), true)
})

test('a receiver that was removed holds nothing back and has no cursor', () => {
  const { gate } = gateOf(0, 20)
  assert.equal(gate.isFree(23), false)
  gate.remove(0)
  assert.equal(gate.cursor(0), undefined)
  assert.equal(gate.isFree(23), true)
  gate.remove(0)
  gate.remove(77)
  assert.equal(gate.isFree(24), false)
})

test('a receiver that was removed can be added again at another sequence', () => {
  const { gate, set } = gateOf(0, 20)
  gate.remove(0)
  set(0, 18)
  gate.add(0, 18)
  assert.equal(gate.cursor(0), 18)
  assert.equal(gate.isFree(18 + SLOTS - 1), true)
  assert.equal(gate.isFree(18 + SLOTS), false)
})

test('the cursor of a receiver is a full number on both sides of 2^31 and 2^32', () => {
  for (const edge of [2 ** 31, 2 ** 32]) {
    const { gate, set } = gateOf(edge - 2)
    for (let sequence = edge - 2; sequence < edge + 3; sequence += 1) {
      set(0, sequence)
      assert.equal(gate.cursor(0), sequence)
      assert.equal(gate.isFree(sequence + SLOTS - 1), true)
      assert.equal(gate.isFree(sequence + SLOTS), false)
    }
  }
})

test('a cursor that goes back is a fault', () => {
  const { gate, set } = gateOf(5)
  set(0, 7)
  assert.equal(gate.cursor(0), 7)
  set(0, 6)
  assert.throws(() => gate.cursor(0), /cursor of receiver 0 went back from 7 to 6/)
})

test('a receiver is idle when it has released all that is published', () => {
  const { gate, set } = gateOf(5, 5)
  assert.equal(gate.anyIdle(5), true)
  assert.equal(gate.anyIdle(6), false)
  set(1, 6)
  assert.equal(gate.anyIdle(6), true)
  gate.remove(1)
  assert.equal(gate.anyIdle(6), false)
  assert.equal(gateOf().gate.anyIdle(0), false)
})

test('a receiver holds up others while the writer waits for its slot and another receiver has taken everything', () => {
  const { gate, set } = gateOf(0, 1, 2)
  assert.deepEqual(gate.holdingUp, [], 'nobody asked')
  gate.isFree(SLOTS)
  assert.deepEqual(gate.holdingUp, [], 'all are busy with what is published')
  set(2, SLOTS - 1)
  assert.deepEqual(gate.holdingUp, [0])
  set(0, 1)
  assert.deepEqual(gate.holdingUp, [], 'it has moved')
  gate.isFree(SLOTS)
  assert.deepEqual(gate.holdingUp, [], 'the slot was free')
  set(2, SLOTS)
  gate.isFree(SLOTS + 1)
  assert.deepEqual(gate.holdingUp, [0, 1], 'two hold the same slot')
  gate.remove(2)
  assert.deepEqual(gate.holdingUp, [], 'nobody else is left')
})

test('no receiver holds up others while the caller does not take', () => {
  const { gate, set } = gateOf(0, SLOTS - 1)
  gate.take(0)
  gate.isFree(SLOTS)
  assert.deepEqual(gate.holdingUp, [])
  gate.take(1)
  assert.deepEqual(gate.holdingUp, [0])
  set(0, 1)
  assert.deepEqual(gate.holdingUp, [])
})

test('a wait for a slot ends when the slow receiver releases it, not when another does', async () => {
  const { gate, set } = gateOf(0, 2)
  let change = gate.change(SLOTS)
  // on a busy machine the wait's bound of 250 ms may end it, but not every time
  for (let other = 3; ; other += 1) {
    set(1, other)
    if (!(await settled(change))) break
    assert.ok(other < 20, 'each wait ended when the other receiver moved')
    change = gate.change(SLOTS)
  }
  set(0, 1)
  assert.equal(await settled(change), true)
  assert.equal(gate.isFree(SLOTS), true)
})

test('a wait for a slot that is free already ends at once', async () => {
  assert.equal(await settled(gateOf(3).gate.change(SLOTS)), true)
  assert.equal(await settled(gateOf().gate.change(SLOTS)), true)
})

test('a wait for the caller alone ends when the caller takes', async () => {
  const gate = new RingGate(new Ring({ slots: SLOTS, slotBytes: 64 }))
  const change = gate.change(SLOTS)
  assert.equal(await settled(change), false)
  gate.take(1)
  assert.equal(await settled(change), true)
})

test('a wait for a receiver ends when it is removed, and at wake', async () => {
  const removing = gateOf(0)
  const removed = removing.gate.change(SLOTS)
  removing.gate.remove(0)
  assert.equal(await settled(removed), true)
  const waking = gateOf(0)
  const woken = waking.gate.change(SLOTS)
  waking.gate.wake()
  assert.equal(await settled(woken), true)
  waking.gate.wake()
})

test('a wait for a receiver that says nothing is looked at again', async () => {
  // no wake-up at all: only the bound of the wait ends it
  await gateOf(0).gate.change(SLOTS)
})
