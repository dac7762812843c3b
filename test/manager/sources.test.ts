import assert from 'node:assert/strict'
import { before } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Server } from '../../scripts/postgres/server.js'
import { copy, NullProducer, NullReceiver, type Slice } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import type { Stage } from '../support/line.js'
import { relay } from '../support/relay.js'
import { assertRows, fromTable, intoTable, story } from '../support/story.js'

const fleet = await startFleet(2)
const ROWS = 3000

before(async () => {
  await fleet.everywhere('CREATE TABLE t (i int, s text, data bytea)')
  await fleet.source.query(
    `INSERT INTO t SELECT i, repeat(E'a\\t', i % 40), CASE WHEN i % 3 > 0 THEN decode(md5(i::text), 'hex') END FROM generate_series(1, ${ROWS}) AS i`,
  )
})

story('nothing into a table loads nothing, and what was there stays', async () => {
  const [first, second] = fleet.targets as [Server, Server]
  await first.query(`TRUNCATE t; INSERT INTO t VALUES (7, 'stays')`)
  const result = await copy({
    from: new NullProducer(),
    to: [intoTable(first, 't'), intoTable(second, 't', { before: ['TRUNCATE t'] })],
  })
  assert.deepEqual([result.messages, result.bytes, result.rows], [0, 0, 0])
  assert.deepEqual(
    result.receivers.map(({ state, rows, bytes }) => ({ state, rows, bytes })),
    Array(2).fill({ state: 'committed', rows: 0, bytes: 0 }),
  )
  assert.deepEqual(await first.query('SELECT i, s FROM t'), [{ i: 7, s: 'stays' }])
  await assertRows([second], 't', 0)
})

story('a table into nothing is read to its end', async () => {
  const result = await copy({
    from: fromTable(fleet.source, 't'),
    to: [new NullReceiver(), new NullReceiver()],
  })
  assert.deepEqual([result.messages, result.rows], [ROWS, ROWS])
  assert.deepEqual(
    result.receivers.map(({ state, bytes }) => ({ state, bytes })),
    Array(2).fill({ state: 'completed', bytes: result.bytes }),
  )
})

/** The server's bytes cut up after 1, 2, 3, 5, 11, 129, 1 … bytes. */
const trickle: Stage = async function* (incoming) {
  const sizes = [1, 2, 3, 5, 11, 129]
  let k = 0
  for await (const bytes of incoming)
    for (let at = 0; at < bytes.length; k++) {
      const size = sizes[k % sizes.length] as number
      yield bytes.subarray(at, at + size)
      await turn()
      at += size
    }
}

for (const format of ['text', 'csv', 'binary']) {
  story(`table to table through the smallest ring from a server that trickles, in ${format}`, async () => {
    await fleet.onTargets('TRUNCATE t')
    const proxy = await relay(fleet.source, { toClient: trickle })
    try {
      const result = await copy({
        from: { connection: proxy.connection, statement: `COPY t TO STDOUT (FORMAT ${format})` },
        to: fleet.targets.map(({ connection }) => ({
          connection,
          statement: `COPY t FROM STDIN (FORMAT ${format})`,
        })),
        ring: { slots: 2, slotBytes: 64 },
      })
      assert.equal(result.rows, ROWS)
      await fleet.assertEqual('t')
    } finally {
      await proxy.close()
    }
  })
}

story('SELECT 1 into a callable gives 1 and a line feed, and an empty result gives nothing', async () => {
  for (const [select, expected] of [
    ['SELECT 1', ['1\n']],
    ['SELECT 1 WHERE false', []],
  ] as const) {
    const given: string[] = []
    const take = ({ bytes, messages, continues }: Slice) => {
      assert.deepEqual([messages, continues], [1, false])
      given.push(Buffer.from(bytes).toString())
    }
    const result = await copy({
      from: { connection: fleet.source.connection, statement: `COPY (${select}) TO STDOUT` },
      to: [take],
    })
    assert.deepEqual(given, expected)
    assert.deepEqual(
      [result.messages, result.rows, result.receivers[0]?.state],
      [expected.length, expected.length, 'completed'],
    )
  }
})
