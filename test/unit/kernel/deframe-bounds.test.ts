import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { STOP } from '../../../src/main/ring/deframer.js'
import { seeded } from '../../support/seed.js'
import { message } from '../../support/wire.js'
import { KernelAndTwin, MEMORY_BYTES, type Told } from './kernel-and-twin.js'

const pair = new KernelAndTwin()
const REFUSED = [0, 1, 2, 3, -1, -4, -5, -(2 ** 31)]
const HUGE = [2 ** 31 - 1, 2 ** 31 - 4, 2 ** 30, 65_536]

test('a length below 4 is refused and reported, also when its header is cut', () => {
  for (const length of REFUSED) {
    for (let cut = 0; cut <= 5; cut += 1) {
      pair.begin()
      pair.put(1000, message('d', 'payload', length))
      if (cut > 0 && cut < 5) {
        assert.equal(pair.deframe(1000, 1000 + cut, 3000, 3064, 3000).stop, STOP.consumed)
      }
      const told = pair.deframe(cut === 5 ? 1000 : 1000 + cut, 1012, 3000, 3064, 3000)
      assert.equal(told.stop, STOP.badLength)
      assert.equal(told.badLength, length)
      assert.equal(told.rows, 0)
    }
  }
})

test('the rows in front of a refused length are kept', () => {
  pair.begin()
  pair.put(1000, Buffer.concat([message('d', 'whole'), message('d', 'x', 2)]))
  const { out, rowEnd, rows, stop } = pair.deframe(1000, 1016, 3000, 3064, 3000)
  assert.deepEqual({ out, rowEnd, rows, stop }, { out: 3005, rowEnd: 3005, rows: 1, stop: STOP.badLength })
})

/** One call on bytes that begin with a hostile length, with everything around them set to `guard`. */
const hostile = (guard: number, call: Call): Told[] => {
  const { wire, cut, src, dst, room } = call
  pair.begin(guard)
  pair.put(src, wire)
  const first = pair.deframe(src, src + cut, dst, dst + room, dst)
  const told = [first]
  for (let last = first, at = first.next; last.stop !== STOP.badLength && at < src + wire.length; ) {
    last = pair.deframe(at, src + wire.length, dst, dst + room, dst)
    told.push(last)
    if (last.next === at) break
    at = last.next
  }
  return told.map((one) => (one.stop === STOP.badLength ? one : { ...one, badLength: 0 }))
}

interface Call {
  readonly wire: Buffer
  readonly cut: number
  readonly src: number
  readonly dst: number
  readonly room: number
}

const calls: fc.Arbitrary<Call> = fc
  .record({
    length: fc.oneof(fc.constantFrom(...REFUSED, ...HUGE), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    before: fc.nat(20),
    behind: fc.uint8Array({ maxLength: 400 }),
    cut: fc.nat(430),
    room: fc.nat(500),
    where: fc.constantFrom<'in place' | 'elsewhere' | 'first bytes' | 'last bytes'>(
      'in place',
      'elsewhere',
      'first bytes',
      'last bytes',
    ),
    gap: fc.nat(6),
  })
  .map(({ length, before, behind, cut, room, where, gap }) => {
    const wire = Buffer.concat([message('d', Buffer.alloc(before)), message('d', behind, length)])
    const src = where === 'last bytes' ? MEMORY_BYTES - wire.length : where === 'first bytes' ? 0 : 10_000
    const dst = where === 'in place' ? src - gap : 20_000
    return { wire, cut: Math.min(cut, wire.length), src, dst, room: where === 'in place' ? 500 : room }
  })

test('no length makes the kernel write outside of its target or read outside of its source', (t) => {
  fc.assert(
    fc.property(calls, (call) => {
      // the pair checks that no other byte is written; the results must not depend on bytes outside [src, end)
      assert.deepEqual(hostile(0x00, call), hostile(0x64, call))
    }),
    seeded(t, 1500),
  )
})

test('a frame of two GiB is taken in pieces and never ends early', () => {
  pair.begin()
  pair.put(1000, message('d', Buffer.alloc(100, 'd'), 2 ** 31 - 1))
  let at = 1000
  for (let call = 0; call < 50; call += 1) {
    const told = pair.deframe(at, 1105, 3000, 3064, 3000)
    assert.equal(told.rows, 0)
    at = told.stop === STOP.noRoom ? told.next : 1005
  }
})
