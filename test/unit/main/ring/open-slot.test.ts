import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WasmDeframer } from '../../../../src/main/ring/deframer.js'
import { OpenSlot } from '../../../../src/main/ring/open-slot.js'
import { Ring } from '../../../../src/main/ring/ring.js'
import { HEADER_BYTES, scratchAt, slotAt } from '../../../../src/shared/ring/layout.js'
import { copyData } from '../../../support/wire.js'

const SHAPE = { slots: 3, slotBytes: 64 }
const ROOM = SHAPE.slotBytes - HEADER_BYTES

const opened = (slot = 1): { ring: Ring; slot: OpenSlot; at: number } => {
  const ring = new Ring(SHAPE)
  return { ring, slot: new OpenSlot(ring, slot), at: slotAt(SHAPE, slot) }
}

test('an empty slot has room for all but its header, and lies where the layout says', () => {
  for (const number of [0, 1, 2]) {
    const { slot, at } = opened(number)
    assert.deepEqual(
      [slot.slot, slot.out, slot.mark, slot.limit, slot.room, slot.rows, slot.wholeBytes],
      [number, at + HEADER_BYTES, at + HEADER_BYTES, at + SHAPE.slotBytes, ROOM, 0, 0],
    )
    assert.equal(slot.isFull, false)
    assert.equal(slot.isInsideRow, true)
  }
})

test('rows and pieces of rows are laid one after the other', () => {
  const { slot, at } = opened()
  slot.lay(Buffer.from('one\n'), true)
  slot.lay(Buffer.from('tw'), false)
  assert.deepEqual([slot.rows, slot.wholeBytes, slot.room], [1, 4, ROOM - 6])
  slot.lay(Buffer.from('o\n'), true)
  assert.deepEqual([slot.rows, slot.wholeBytes, slot.isInsideRow], [2, 8, false])
  const payload = slot.memory.subarray(at + HEADER_BYTES, slot.mark)
  assert.equal(Buffer.from(payload).toString(), 'one\ntwo\n')
})

test('little room after whole rows is full; an unfinished row may fill the slot to its last byte', () => {
  const { slot } = opened()
  slot.lay(Buffer.alloc(ROOM - 1), false)
  assert.equal(slot.isFull, false)
  slot.lay(Buffer.alloc(1), false)
  assert.deepEqual([slot.isFull, slot.isInsideRow], [true, true])
  slot.enter(2)
  slot.lay(Buffer.alloc(ROOM - 1), true)
  assert.deepEqual([slot.isFull, slot.isInsideRow, slot.room], [true, false, 1])
})

test('CopyData frames are laid without their headers, from where they lie, and the rest is left', () => {
  const { ring, slot, at } = opened()
  const deframer = new WasmDeframer(ring.memory)
  const src = scratchAt(SHAPE.slots)
  const wire = Buffer.concat([copyData('one\n'), copyData('two\n').subarray(0, 7)])
  slot.memory.set(wire, src)
  assert.equal(slot.deframe(deframer, src, src + wire.length), src + wire.length)
  assert.deepEqual([slot.rows, slot.wholeBytes, slot.out - slot.mark], [1, 4, 2])
  slot.memory.set(copyData('two\n').subarray(7), src)
  slot.deframe(deframer, src, src + 2)
  assert.deepEqual([slot.rows, slot.wholeBytes, slot.out - slot.mark], [2, 8, 0])
  assert.equal(Buffer.from(slot.memory.subarray(at + HEADER_BYTES, slot.out)).toString(), 'one\ntwo\n')
})

test('the header is one CopyData header of the payload', () => {
  const { slot, at } = opened()
  slot.writeHeader(300)
  assert.deepEqual([...slot.memory.subarray(at, at + HEADER_BYTES)], [0x64, 0, 0, 1, 48])
})
