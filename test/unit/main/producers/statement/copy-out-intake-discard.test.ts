import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STREAM_STATE } from '../../../../../src/shared/ring/cells.js'
import { RingCopy } from '../../../../support/ring-copy.js'
import {
  commandComplete,
  copyData,
  copyDone,
  copyOutResponse,
  message,
  readyForQuery,
} from '../../../../support/wire.js'

const notice = message('N', 'SNOTICE\0\0')
const cancelled = Buffer.concat([message('E', 'SERROR\0C57014\0\0'), readyForQuery()])
const completed = Buffer.concat([copyDone(), commandComplete(2), readyForQuery()])
const rows = [copyData('x'.repeat(100)), notice, copyData('y'.repeat(30)), copyData('')]

/** As a pass is stopped: receivers learn it first, then the source. */
const abortCopy = (copy: RingCopy): void => {
  copy.parts.writer.setState(STREAM_STATE.aborted)
  copy.intake.discard()
}

const others = (copy: RingCopy): string => Buffer.concat(copy.pg).toString('latin1')
const expected = (...messages: Buffer[]): string => Buffer.concat(messages).toString('latin1')

test('a copy that is aborted anywhere in its rows drops the rest and stays in step with the server', async () => {
  const wire = Buffer.concat(rows)
  for (const end of [cancelled, completed]) {
    for (let cut = 0; cut < wire.length; cut += 1) {
      const copy = new RingCopy({ slots: 3, slotBytes: 256 })
      await copy.feed(Buffer.concat([copyOutResponse(), wire.subarray(0, cut)]))
      const { sequence } = copy.parts.writer
      abortCopy(copy)
      copy.land(Buffer.concat([wire.subarray(cut), end]))
      assert.equal(others(copy), expected(copyOutResponse(), notice, end))
      assert.equal(copy.parts.writer.sequence, sequence)
    }
  }
})

/** The receiver takes nothing: bytes come until the ring has no room and some of them are held. */
const filled = (by: 'landed' | 'chunk'): { copy: RingCopy; given: number; wire: Buffer } => {
  const copy = new RingCopy({ slots: 2, slotBytes: 64 })
  copy.land(copyOutResponse())
  const wire = Buffer.concat(Array.from({ length: 20 }, () => rows).flat())
  let given = 0
  for (let more = true; more; ) {
    assert.ok(given < wire.length, 'the ring never was full')
    const bytes = wire.subarray(given, given + 300)
    if (by === 'chunk') {
      more = copy.intake.chunk(Buffer.from(bytes))
      given += bytes.length
    } else {
      const read = copy.read(bytes)
      more = read.more
      given += read.taken
    }
  }
  if (by === 'landed') {
    // the read that was under way when the ring became full lands aside
    given += copy.read(wire.subarray(given, given + 300)).taken
  }
  return { copy, given, wire }
}

for (const by of ['landed', 'chunk'] as const) {
  test(`a copy aborted while bytes that came by ${by}() wait for room stays in step with the server`, () => {
    const { copy, given, wire } = filled(by)
    abortCopy(copy)
    const rest = Buffer.concat([wire.subarray(given), cancelled])
    if (by === 'chunk') copy.intake.chunk(rest)
    else copy.land(rest)
    const notices = Array.from({ length: 20 }, () => notice)
    assert.equal(others(copy), expected(copyOutResponse(), ...notices, cancelled))
  })
}

test('a copy aborted before the server has answered stays in step with the server', () => {
  for (const end of [cancelled, completed]) {
    const copy = new RingCopy({ slots: 2, slotBytes: 64 })
    abortCopy(copy)
    copy.land(Buffer.concat([copyOutResponse(), ...rows, end]))
    assert.equal(others(copy), expected(copyOutResponse(), notice, end))
  }
})

test('an error of the server after an early abort goes to pg', () => {
  const copy = new RingCopy({ slots: 2, slotBytes: 64 })
  abortCopy(copy)
  copy.land(cancelled)
  assert.equal(others(copy), expected(cancelled))
})

test('aborting a copy that is over changes nothing', () => {
  const copy = new RingCopy({ slots: 2, slotBytes: 64 })
  copy.land(Buffer.concat([copyOutResponse(), completed]))
  abortCopy(copy)
  copy.land(notice)
  assert.equal(others(copy), expected(copyOutResponse(), completed, notice))
})
