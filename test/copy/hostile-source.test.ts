import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { type CopyError, type CopyErrorCode, WorkerPool } from '../../src/index.js'
import {
  columns,
  complete,
  copyInResponse,
  copyOutResponse,
  dataRow,
  errorResponse,
  notice,
  ready,
} from '../support/backend-messages.js'
import { assertWhole, producerFaultOf, runScripted } from '../support/scripted-copy.js'
import type { Script } from '../support/scripted-server.js'
import { copyData, copyDone, message } from '../support/wire.js'

const pool = new WorkerPool({ threads: 2 })
after(() => pool.close())

const rows = ['one\n', 'two\n', 'three\n'].map((row) => Buffer.from(row))
const frames = rows.map(copyData)
const begun = [copyOutResponse(), ...frames]
const ended = [copyDone(), complete('COPY 3')]
const HUGE = 2 ** 31 - 1

/** The source answers its COPY with these; ReadyForQuery follows when it is asked for by Sync. */
const answering =
  (...answer: readonly Buffer[]): Script =>
  (got, byItself) =>
    got.type === 'E' ? answer : byItself()

/** The source is cut, or stands still, after these messages. */
const stoppingBehind =
  (answer: readonly Buffer[], how: 'end' | 'reset' | 'silence'): Script =>
  (got, byItself, session) => {
    if (got.type !== 'E') return byItself()
    session.send(...answer)
    // so that what was sent arrives, also in front of a RST
    if (how !== 'silence') setTimeout(() => session.cut(how), 20)
    return new Promise(() => undefined)
  }

interface Case {
  readonly script: Script
  readonly code: CopyErrorCode
  readonly says: RegExp
}

const cases: Record<string, Case> = {}
const add = (name: string, script: Script, code: CopyErrorCode, says: RegExp): void => {
  assert.ok(!(name in cases), name)
  cases[name] = { script, code, says }
}
const addProtocol = (name: string, says: RegExp, ...answer: readonly Buffer[]): void =>
  add(`hostile input: ${name}`, answering(...answer), 'COPY_PROTOCOL', says)

const places: Record<string, readonly Buffer[]> = {
  header: [...begun, frames[0]?.subarray(0, 3) as Buffer],
  body: [...begun, frames[0]?.subarray(0, 7) as Buffer],
  boundary: begun,
}
for (const [place, answer] of Object.entries(places)) {
  for (const how of ['end', 'reset'] as const) {
    const closed = how === 'end' ? 'closed' : 'reset'
    add(
      `row 7: a producer ${closed} at a ${place}`,
      stoppingBehind(answer, how),
      'COPY_CONNECTION_LOST',
      /lost/,
    )
  }
}
const divided = errorResponse('22012', 'division by zero')
add(
  'row 9: CopyDone, then an error',
  answering(...begun, copyDone(), divided),
  'COPY_SERVER',
  /division by zero/,
)
for (const [behind, answer] of Object.entries({ CopyDone: [copyDone()], CommandComplete: ended })) {
  add(
    `row 9: ${behind}, then the end`,
    stoppingBehind([...begun, ...answer], 'end'),
    'COPY_CONNECTION_LOST',
    /lost/,
  )
}
for (const tag of ['COPY 2', 'COPY 4', 'COPY 0']) {
  add(
    `row 10: ${tag} where three rows came`,
    answering(...begun, copyDone(), complete(tag)),
    'COPY_COUNT_MISMATCH',
    /sent 3 CopyData messages/,
  )
}

for (const tag of [
  'COPY',
  'COPY -1',
  'COPY 18446744073709551616',
  'COPY 3.0',
  'COPY 3 ',
  'copy 3',
  '',
  'SELECT 3',
]) {
  addProtocol(
    `the tag ${JSON.stringify(tag)}`,
    /ended COPY with the tag/,
    ...begun,
    copyDone(),
    complete(tag),
  )
}
for (const length of [0, 1, 2, 3, -1, -(2 ** 31)]) {
  addProtocol(`CopyData of length ${length}`, /4 is the least/, ...begun, message('d', '', length))
  addProtocol(`CopyDone of length ${length}`, /4 to 30000 is possible/, ...begun, message('c', '', length))
}
const strangers: Record<string, Buffer> = {
  W: message('W', Buffer.from([0, 0, 0])),
  D: dataRow('v'),
  T: columns(),
  G: copyInResponse(),
  H: copyOutResponse(),
}
for (const [type, bytes] of Object.entries(strangers)) {
  addProtocol(`${type} among the rows`, /inside COPY OUT/, ...begun, bytes, ...ended)
  addProtocol(
    `${type} after CopyDone`,
    /out of place|where none belongs/,
    ...begun,
    copyDone(),
    bytes,
    complete('COPY 3'),
  )
}
addProtocol(
  'd after c',
  /CopyData came where none belongs/,
  ...begun,
  copyDone(),
  frames[0] as Buffer,
  complete('COPY 3'),
)
addProtocol('c twice', /CopyDone came where none belongs/, ...begun, copyDone(), ...ended)
addProtocol('Z without c', /"Z" inside COPY OUT/, ...begun, ready('T'))
addProtocol('C without c', /"C" inside COPY OUT/, ...begun, complete('COPY 3'))
addProtocol('Z without C', /ReadyForQuery came where none belongs/, ...begun, copyDone(), ready('T'))
addProtocol('d before H', /CopyData came where none belongs/, ...frames, copyOutResponse())
addProtocol('c before H', /CopyDone came where none belongs/, copyDone(), ...begun)
addProtocol('an unknown type before H', /"x", which is out of place/, message('x', 'body'))
for (const type of ['E', 'N']) {
  const open = message(type, 'SERROR\0C22012\0Mdivision by zero\0')
  const says = new RegExp(`"${type}" whose fields do not end`)
  addProtocol(`${type} without terminator among the rows`, says, ...begun, open)
  addProtocol(`${type} without terminator before H`, says, open)
  addProtocol(`${type} without terminator after c`, says, ...begun, copyDone(), open)
}
// at once, and not when so many bytes have come or a deadline has passed: nothing more comes
for (const type of ['c', 'N', 'S', 'E']) {
  add(
    `hostile input: ${type} that says it is huge among the rows`,
    stoppingBehind([...begun, message(type, '', HUGE)], 'silence'),
    'COPY_PROTOCOL',
    new RegExp(`"${type}" with length ${HUGE}`),
  )
}
for (const type of ['C', 'Z', 'N']) {
  add(
    `hostile input: ${type} that says it is huge after CopyDone`,
    stoppingBehind([...begun, copyDone(), message(type, '', HUGE)], 'silence'),
    'COPY_PROTOCOL',
    new RegExp(`"${type}" with length ${HUGE}`),
  )
}

for (const [name, { script, code, says }] of Object.entries(cases)) {
  test(`${name} is the producer's fault, and nothing is committed`, () =>
    runScripted({ pool, source: { rows, script }, rows: 3 }, (outcome) => {
      const fault = producerFaultOf(outcome).cause as CopyError
      assert.equal(fault.code, code, fault.message)
      assert.match(fault.message, says)
    }))
}

const beforeCopy: Record<string, [answer: Buffer, says: RegExp]> = {
  'a huge length': [message('Z', '', HUGE), /"Z" with length/],
  'a length of 3': [message('S', '', 3), /"S" with length 3/],
  'an unknown type': [message('v', Buffer.alloc(8)), /"v", which is out of place/],
  'an error without terminator': [message('E', 'SFATAL\0'), /"E" whose fields do not end/],
  'a notice without terminator': [message('N', 'SNOTICE\0'), /"N" whose fields do not end/],
  'a row that ends before its values': [message('D', Buffer.from([0, 9, 0, 0])), /out of range|bounds|ERR_/],
  'a description of 30,000 columns that has none': [
    message('T', Buffer.from([0x75, 0x30])),
    /out of range|bounds/,
  ],
}
for (const [what, [answer, says]] of Object.entries(beforeCopy)) {
  for (const when of ['startup', 'Q']) {
    test(`hostile input: ${what} in answer to ${when} is the producer's fault`, () => {
      const script: Script = (got, byItself) => (got.type === when ? [answer] : byItself())
      return runScripted({ pool, source: { rows, script }, rows: 3 }, (outcome) => {
        const fault = producerFaultOf(outcome).cause as CopyError
        assert.equal(fault.code, 'COPY_PROTOCOL', fault.message)
        assert.match(fault.message, says)
      })
    })
  }
}

test('hostile input: CopyData of length 4 is a row of no bytes', () =>
  runScripted(
    { pool, rows: 4, source: { rows: [...rows, Buffer.alloc(0)] }, receivers: { rowCount: 'any' } },
    (outcome) => {
      assertWhole(outcome)
      assert.equal(outcome.result?.messages, 4)
    },
  ))

test('hostile input: one byte at a time is a copy like any other', () => {
  const script: Script = async (_, byItself, session) => {
    for (const byte of Buffer.concat(byItself())) {
      session.send(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    return []
  }
  return runScripted({ pool, rows: 3, source: { rows, script } }, assertWhole)
})

const ESCAPES = 'red \u001b[31m, bell \u0007, back \r, del \u007f, csi \u009b, tab \t, line \n.'
const CLEAN = 'red \ufffd[31m, bell \ufffd, back \ufffd, del \ufffd, csi \ufffd, tab \t, line \n.'

test('hostile input: control characters of an error reach no terminal, neither as a cause', () => {
  const script = answering(...begun, errorResponse('22012', ESCAPES))
  return runScripted({ pool, source: { rows, script }, rows: 3 }, (outcome) => {
    const fault = producerFaultOf(outcome)
    assert.equal((fault.cause as CopyError).message, CLEAN)
    const shown = inspect(outcome.error, { depth: 20, showHidden: true })
    assert.doesNotMatch(shown, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/)
  })
})

test('hostile input: control characters of a notice reach no listener', () => {
  const script = answering(copyOutResponse(), notice(ESCAPES), ...frames, ...ended)
  return runScripted({ pool, source: { rows, script }, rows: 3 }, (outcome) => {
    assertWhole(outcome)
    assert.equal((outcome.notices[0] as { message: string }).message, CLEAN)
  })
})
