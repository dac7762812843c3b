import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MessageReader } from '../../../../src/shared/wire/message-reader.js'
import { seeded } from '../../../support/seed.js'
import { message } from '../../../support/wire.js'

test('messages are gathered whole, however they are cut', (t) => {
  const messages = fc.array(
    fc.tuple(fc.constantFrom('T', 'S', 'c', 'D', 'A'), fc.uint8Array({ maxLength: 300 })),
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
  const wire = message('A', 'hello')
  const reader = new MessageReader()
  reader.take(wire.subarray(0, 7))
  wire.fill(0, 0, 7)
  const whole = reader.take(wire.subarray(7)).message
  wire.fill(0)
  assert.equal(whole?.toString('latin1'), 'A\0\0\0\x09hello')
})

test('bytes after the message are not taken', () => {
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

const FIELDS = ['SERROR\0C22012\0Mdivision by zero\0\0', 'S\0\0', '\0']
const NO_FIELDS = ['', 'S', 'SERROR', 'SERROR\0', 'SERROR\0C22012\0', '\0\0', 'S\0\0S', '\0SERROR\0\0']

test('errors and notices whose fields do not end with them are refused: pg would read on for ever', () => {
  for (const type of ['E', 'N']) {
    for (const body of FIELDS) {
      const whole = message(type, body)
      assert.deepEqual(new MessageReader().take(whole).message, whole)
    }
    for (const body of NO_FIELDS) {
      assert.throws(() => new MessageReader().take(message(type, body)), {
        code: 'COPY_PROTOCOL',
        message: `the server sent message "${type}" whose fields do not end with it`,
      })
    }
  }
})

test('a message that comes byte by byte holds no more memory than a few times its bytes', () => {
  const reader = new MessageReader()
  const bytes = 4 * 1024 * 1024
  reader.take(message('N', '', bytes + 4))
  const byte = Buffer.from('x')
  const before = memoryInUse()
  for (let at = 1; at < bytes; at += 1) reader.take(byte)
  const more = memoryInUse() - before
  assert.ok(more < 4 * bytes, `${more} bytes for ${bytes}`)
})

const memoryInUse = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
