import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CopyManager,
  IteratorProducer,
  NullReceiver,
  type Producer,
  type ProducerStream,
} from '../../../../src/index.js'

const ROW_MS = 1
const ROWS = 2000
// as much as all rows: the copy never waits for room
const RING = { slots: 64, slotBytes: 4096 }

/** Rows that each keep the thread busy, until the event loop has turned: two seconds of them if it never does. */
const rowsUntilTurn = function* (): Generator<string> {
  let turned = false
  setTimeout(() => {
    turned = true
  }, 0)
  for (let row = 0; row < ROWS && !turned; row++) {
    const until = performance.now() + ROW_MS
    while (performance.now() < until);
    yield 'a row\n'
  }
  assert.ok(turned, `the event loop did not turn in ${ROWS * ROW_MS} ms`)
}

const listsOf = function* (rows: Iterable<string>): Generator<string[]> {
  for (const row of rows) yield [row]
}

const inOneCall: Producer = {
  name: 'source',
  canRepeat: false,
  async produce(stream: ProducerStream) {
    const bytes = function* () {
      for (const row of rowsUntilTurn()) yield Buffer.from(row)
    }
    stream.started()
    await stream.rows(bytes())
    return {}
  },
}

for (const [what, producer] of [
  ['loose chunks', () => new IteratorProducer(rowsUntilTurn())],
  ['lists of rows', () => new IteratorProducer(listsOf(rowsUntilTurn()))],
  ['one long list', () => inOneCall],
] as const) {
  test(`a source that never waits, of ${what}, lets the event loop turn`, async () => {
    const result = await new CopyManager(producer(), [new NullReceiver()], { ring: RING }).run()
    assert.ok(result.messages > 0)
  })
}
