import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { STOP } from '../../../src/main/ring/deframer.js'
import { seeded } from '../../support/seed.js'
import { copyData, items, message, type WireItem } from '../../support/wire.js'
import { drive, REGION_BYTES } from './deframe-drive.js'
import { KernelAndTwin, MEMORY_BYTES } from './kernel-and-twin.js'

const pair = new KernelAndTwin()
const SIZES = [0, 1, 12, 59, 251, REGION_BYTES]

test('rows and messages of a stream cut anywhere come out of the kernel as out of its twin', (t) => {
  const reads = fc.array(
    fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: REGION_BYTES })),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  const gaps = fc.array(fc.option(fc.nat(9), { nil: undefined, freq: 2 }), { minLength: 1, maxLength: 5 })
  const room = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: REGION_BYTES }))
  fc.assert(
    fc.property(items(12, 3 * REGION_BYTES, SIZES), reads, gaps, room, (items, reads, gaps, room) => {
      drive(pair, { items, reads, gaps, room })
    }),
    seeded(t, 500),
  )
})

test('three messages come out whole wherever they are cut, in place and from elsewhere', () => {
  const sample: WireItem[] = [
    { isRow: true, bytes: Buffer.from('d\0\0\0\x05') },
    { isRow: false, bytes: message('N', 'SW\0') },
    { isRow: true, bytes: Buffer.from('7\t\\N\n') },
  ]
  const bytes = 10 + 8 + 10
  for (const gap of [0, 3, undefined]) {
    for (let first = 1; first < bytes; first += 1) {
      for (let second = 1; second <= bytes - first; second += 1) {
        for (const room of [4, 7, 64])
          drive(pair, { items: sample, reads: [first, second, bytes], gaps: [gap], room })
      }
    }
  }
})

test('a region that is full stops the kernel at the first byte it did not take, and the next goes on from there', () => {
  pair.begin()
  pair.put(1000, copyData('0123456789'))
  const full = pair.deframe(1000, 1015, 3000, 3004, 2999)
  assert.deepEqual(full, {
    next: 1009,
    out: 3004,
    rowEnd: 2999,
    rows: 0,
    stop: STOP.noRoom,
    badLength: full.badLength,
  })
  const rest = pair.deframe(full.next, 1015, 5000, 5064, 5000)
  assert.equal(rest.stop, STOP.consumed)
  assert.equal(rest.rows, 1)
  assert.equal(Buffer.from(pair.memory.subarray(3000, 3004)).toString(), '0123')
  assert.equal(Buffer.from(pair.memory.subarray(5000, rest.out)).toString(), '456789')
})

test('a row without bytes needs no room', () => {
  pair.begin()
  pair.put(1000, copyData(''))
  const { next, out, rowEnd, rows, stop } = pair.deframe(1000, 1005, 3000, 3000, 2000)
  assert.deepEqual(
    { next, out, rowEnd, rows, stop },
    { next: 1005, out: 3000, rowEnd: 3000, rows: 1, stop: 0 },
  )
})

test('reset forgets what was cut', () => {
  for (const cut of [3, 7]) {
    pair.begin()
    pair.put(1000, copyData('0123456789'))
    assert.equal(pair.deframe(1000, 1000 + cut, 3000, 3064, 3000).rows, 0)
    pair.begin()
    pair.put(1000, copyData('ab'))
    const { out, rows, stop } = pair.deframe(1000, 1007, 3000, 3064, 3000)
    assert.deepEqual({ out, rows, stop }, { out: 3002, rows: 1, stop: STOP.consumed })
  }
})

test('move carries bytes whole where the regions overlap, in both directions', (t) => {
  const address = fc.nat(2000)
  fc.assert(
    fc.property(address, address, fc.nat(3000), (dst, src, bytes) => {
      pair.begin()
      const text = Buffer.from(Array.from({ length: bytes }, (_, at) => at * 31))
      pair.put(src, text)
      pair.move(dst, src, bytes)
      assert.ok(text.equals(pair.memory.subarray(dst, dst + bytes)))
    }),
    seeded(t, 300),
  )
})

test('the last bytes of the memory can be source and target', () => {
  pair.begin()
  const wire = copyData('to the very end')
  const src = MEMORY_BYTES - wire.length
  pair.put(src, wire)
  const told = pair.deframe(src, MEMORY_BYTES, src, MEMORY_BYTES, src)
  assert.equal(Buffer.from(pair.memory.subarray(src, told.out)).toString(), 'to the very end')
})
