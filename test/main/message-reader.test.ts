import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageReader } from '../../src/main/message-reader.js'
import { message } from '../kernel/wire.js'
import { seeded } from '../stress/seed.js'

test('messages are gathered whole, however they are cut', (t) => {
  const messages = fc.array(
    fc.tuple(fc.constantFrom('N', 'S', 'c', 'E', 'A'), fc.uint8Array({ maxLength: 300 })),
  )
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (parts, cuts) => {
      const expected = parts.map(([type, body]) => message(type, body))
      const wire = Buffer.concat(expected)
      const reader = new MessageReader()
      const got: Buffer[] = []
      for (let at = 0, cut = 0; at < wire.length; cut += 1) {
        const end = at + (cuts[cut % cuts.length] as number)
        const { taken, message } = reader.take(wire.subarray(at, end))
        assert.ok(taken > 0)
        at += taken
        assert.equal(reader.isPartial, message === undefined)
        if (message !== undefined) got.push(message)
      }
      assert.deepEqual(got, expected)
    }),
    seeded(t, 300),
  )
})

test('a message is a private copy', () => {
  const wire = message('N', 'hello')
  const reader = new MessageReader()
  reader.take(wire.subarray(0, 7))
  wire.fill(0, 0, 7)
  const whole = reader.take(wire.subarray(7)).message
  wire.fill(0)
  assert.equal(whole?.toString('latin1'), 'N\0\0\0\x09hello')
})

test('bytes behind the message are not taken', () => {
  const reader = new MessageReader()
  assert.equal(reader.take(Buffer.concat([message('c'), message('C', 'COPY 1\0')])).taken, 5)
})

test('messages are taken up to the limit of their type and refused beyond', () => {
  const mebi = 1024 * 1024
  for (const [type, limit] of [
    ['S', 30_000],
    ['c', 30_000],
    ['N', 16 * mebi],
    ['E', 16 * mebi],
    ['A', 16 * mebi],
    ['T', 16 * mebi],
    ['D', 16 * mebi],
  ] as const) {
    assert.equal(new MessageReader().take(message(type, '', limit)).taken, 5)
    for (const length of [limit + 1, 3, 0, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      assert.throws(() => new MessageReader().take(message(type, '', length)), {
        code: 'COPY_PROTOCOL',
        message: `the server sent message "${type}" with length ${length}; 4 to ${limit} is possible`,
      })
    }
  }
})
