import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CopyError } from '../../../../../src/shared/errors/errors.js'
import { RingCopy } from '../../../../support/ring-copy.js'
import { copyData, copyOutResponse, message } from '../../../../support/wire.js'

const started = (): RingCopy => {
  const copy = new RingCopy({ slots: 3, slotBytes: 256 })
  copy.land(Buffer.concat([copyOutResponse(), copyData('one\n')]))
  copy.taker.all()
  return copy
}

/** The bytes are refused, whole or cut anywhere, by both ways in. */
const refused = (bytes: Buffer, text: RegExp): void => {
  const isRefusal = (error: unknown): boolean => {
    assert.ok(error instanceof CopyError)
    assert.equal(error.code, 'COPY_PROTOCOL')
    assert.equal(error.phase, 'copy')
    assert.match(error.message, text)
    return true
  }
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].filter(({ length }) => length > 0)
    const landing = started()
    assert.throws(() => {
      for (const part of parts) landing.land(part)
    }, isRefusal)
    const chunked = started()
    assert.throws(() => {
      for (const part of parts) chunked.intake.chunk(Buffer.from(part))
    }, isRefusal)
    assert.equal(Buffer.concat(landing.pg).length, copyOutResponse().length)
    assert.equal(landing.taker.text, 'one\n')
  }
}

for (const length of [0, 1, 2, 3, -1, -4, -(2 ** 31)]) {
  test(`CopyData of length ${length} is refused`, () => {
    refused(message('d', '', length), new RegExp(`CopyData with length ${length}; 4 is the least`))
  })
}

test('the rows in front of a refused CopyData are still delivered', async () => {
  const copy = started()
  assert.throws(() => copy.land(Buffer.concat([copyData('two\n'), message('d', '', 2)])), {
    code: 'COPY_PROTOCOL',
  })
  await copy.end()
  assert.equal(copy.taker.text, 'one\ntwo\n')
})

for (const type of ['D', 'H', 'G', 'W', 'Z', 'C', 'T', 'I', '1', 'x', '\0', 'ÿ']) {
  test(`message ${JSON.stringify(type)} among the rows is refused`, () => {
    refused(message(type, 'body'), /inside COPY OUT/)
  })
}

test('a length that no message has is refused as soon as the header is there', () => {
  for (const [type, length] of [
    ['N', 3],
    ['N', -1],
    ['N', 2 ** 31 - 1],
    ['N', 16 * 1024 * 1024 + 1],
    ['A', -(2 ** 31)],
    ['S', 30_001],
    ['c', 0],
    ['c', 2 ** 31 - 1],
  ] as const) {
    refused(message(type, '', length), new RegExp(`message "${type}" with length ${length};`))
  }
})

test('a CopyData that says it has two GiB stays one row that goes on', async () => {
  const copy = started()
  const payload = Buffer.alloc(3000, 'endless ')
  await copy.feed(message('d', payload, 2 ** 31 - 1))
  copy.taker.all()
  assert.ok(copy.taker.taken.slice(1).every(({ rows, continues }) => rows === 0 && continues))
  assert.equal(copy.taker.text, `one\n${payload}`.slice(0, copy.taker.text.length))
})
