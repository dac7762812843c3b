import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { guardWire } from '../../src/shared/wire/wire-guard.js'
import {
  complete,
  copyOutResponse,
  dataRow,
  errorResponse,
  notice,
  ready,
} from '../support/backend-messages.js'
import { RingCopy } from '../support/ring-copy.js'
import { randomFrom, SEED } from '../support/seed.js'
import { copyData, copyDone } from '../support/wire.js'
import { IS_FULL, TIMEOUT_MS } from './amount.js'
import { chunksOf } from './mutations.js'

const CHUNKINGS = IS_FULL ? 100_000 : 2_000

/** All ways to cut the bytes at two places, with none, one or two of them inside. */
function* splitsOf(wire: Buffer): Generator<Buffer[]> {
  for (let first = 0; first <= wire.length; first += 1) {
    for (let second = first; second <= wire.length; second += 1) {
      yield [wire.subarray(0, first), wire.subarray(first, second), wire.subarray(second)].filter(
        ({ length }) => length > 0,
      )
    }
  }
}

function* chunkingsOf(t: TestContext, wire: Buffer): Generator<Buffer[]> {
  t.diagnostic(`COPYMAN_SEED=${SEED}`)
  const random = randomFrom(SEED)
  for (let times = 0; times < CHUNKINGS; times += 1) yield [...chunksOf(wire, random)]
}

const rows = ['one\n', '', 'three\n']
const THREE = [copyData('one\n'), notice('between'), copyData('')]
const COPY = [
  copyOutResponse(),
  ...rows.map(copyData),
  notice('between'),
  copyDone(),
  complete('COPY 3'),
  ready('T'),
]

/** What the intake makes of each way to cut the messages: their rows, and what pg gets. */
const checkIntake = async (messages: readonly Buffer[], ways: Iterable<Buffer[]>): Promise<void> => {
  const copy = new RingCopy({ slots: 3, slotBytes: 256 })
  const isRow = (message: Buffer): boolean => message[0] === 'd'.charCodeAt(0)
  const toPg = Buffer.concat(messages.filter((message) => !isRow(message)))
  const text = Buffer.concat(messages.filter(isRow).map((message) => message.subarray(5))).toString()
  const begin = messages[0]?.[0] === 'H'.charCodeAt(0) ? [] : [copyOutResponse()]
  let ways_ = 0
  for (const parts of ways) {
    const by = ways_++ % 2 === 0 ? 'landed' : 'chunk'
    copy.intake.expect(copy.parts.writer)
    copy.taker.taken.length = 0
    for (const message of begin) copy.land(message)
    copy.pg.length = 0
    for (const part of parts) {
      if (by === 'landed') copy.land(part)
      else copy.intake.chunk(Buffer.from(part))
      copy.taker.all()
    }
    await copy.end()
    const sizes = parts.map(({ length }) => length).join(', ')
    assert.equal(copy.taker.text, text, `by ${by} in pieces of ${sizes}`)
    assert.ok(Buffer.concat(copy.pg).equals(toPg), `by ${by} in pieces of ${sizes}: pg got other bytes`)
  }
  assert.ok(ways_ > 500)
}

test('every split of three messages is taken by the intake like the whole', async () => {
  await checkIntake(THREE, splitsOf(Buffer.concat(THREE)))
})

test('random chunkings of a COPY are taken by the intake like the whole', {
  timeout: TIMEOUT_MS,
}, async (t) => {
  await checkIntake(COPY, chunkingsOf(t, Buffer.concat(COPY)))
})

/** What pg gets from the guard. */
const heard = (parts: readonly Buffer[]): string => {
  const stream = Object.assign(new EventEmitter(), {
    destroyed: false,
    connect: () => undefined,
    setNoDelay: () => undefined,
    destroy: (error: Error) => assert.fail(error),
  })
  const connection = new pg.Connection({ stream } as unknown as pg.ConnectionConfig)
  guardWire(connection)
  const messages: unknown[] = []
  connection.on('message', (message: unknown) => messages.push(message))
  ;(connection as pg.Connection & { connect(port: number, host: string): void }).connect(1, 'here')
  for (const part of parts) stream.emit('data', Buffer.from(part))
  return JSON.stringify(messages)
}

const ANSWERS = [dataRow('value'), errorResponse('22012', 'division'), ready('E')]

test('every split of three answers, and random chunkings, pass the guard and reach pg like the whole', {
  timeout: TIMEOUT_MS,
}, (t) => {
  const wire = Buffer.concat(ANSWERS)
  const whole = heard([wire])
  assert.equal(JSON.parse(whole).length, 3)
  for (const ways of [splitsOf(wire), chunkingsOf(t, wire)]) {
    for (const parts of ways) assert.equal(heard(parts), whole, parts.map(({ length }) => length).join(', '))
  }
})
