import assert from 'node:assert/strict'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyFailed,
  CopyManager,
  copy,
  ProducerFault,
  type Receiver,
  ReceiverFault,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  assertStates,
  bounded,
  failsWith,
  faultOf,
  fromTable,
  intoTable,
  iterate,
  once,
  RING,
  story,
  terminateCopy,
} from '../support/story.js'

const ROWS = 20_000
const fleet = await startFleet(3, {
  rows: ROWS,
  columns: 'i int PRIMARY KEY, s text',
  row: "i, repeat('x', 50 + i % 100)",
})

const statesOf = (manager: CopyManager) => manager.outcomes.map(({ name, state }) => [name, state])

story(
  'one of three targets loses its connection and is dropped; the others are complete and equal',
  async () => {
    const [lost, second, third] = fleet.targets as [Server, Server, Server]
    const receivers = fleet.targets.map((target) => intoTable(target, 't'))
    const manager = new CopyManager(fromTable(fleet.source, 't'), receivers, {
      ring: RING,
      signal: bounded(),
    })
    const { faults, sums } = await iterate(manager, {
      cycle: once(() => terminateCopy(lost, 't')),
      fault: () => {
        assert.deepEqual([...manager.receivers], receivers.slice(1))
        assert.deepEqual(statesOf(manager)[0], ['target1', 'faulted'])
      },
    })
    assert.equal(faults.length, 1)
    const error = faultOf(faults[0], 'target1')
    assert.ok(error.sqlState === '57P01' || error.code === 'COPY_CONNECTION_LOST', error.message)
    assert.equal(sums[0]?.messages, ROWS)
    assert.deepEqual(statesOf(manager), [
      ['target1', 'dropped'],
      ['target2', 'committed'],
      ['target3', 'committed'],
    ])
    await assertSame([fleet.source, second, third], 't')
    await assertRows([lost], 't', 0)
  },
)

story('the only target is lost and not reconciled: CopyFailed, and no receiver is left', async () => {
  const [only] = fleet.targets as [Server]
  const manager = new CopyManager(fromTable(fleet.source, 't'), [intoTable(only, 't')], { ring: RING })
  let fault: ReceiverFault<Receiver> | undefined
  const error = await failsWith(
    iterate(manager, {
      cycle: once(() => terminateCopy(only, 't')),
      fault: (thrown) => {
        fault = thrown
      },
    }),
  )
  assert.ok(fault instanceof ReceiverFault)
  assert.equal(error.cause, fault)
  assert.deepEqual(error.committed, [])
  assert.equal(manager.receivers.size, 0)
  assert.deepEqual(statesOf(manager), [['target1', 'dropped']])
  await fleet.assertEmpty('t')
  await copy({ from: fromTable(fleet.source, 't'), to: [intoTable(only, 't')] })
  await assertSame([fleet.source, only], 't')
})

story("under 'abort' the receiver that faulted is in no list of those taking part", async () => {
  const [lost, other] = [intoTable(fleet.targets[0] as Server, 'missing'), new CallReceiver(() => undefined)]
  const manager = new CopyManager(fromTable(fleet.source, 't'), [lost, other])
  await assert.rejects(manager.run(), CopyFailed)
  assert.equal(manager.receivers.has(lost), false)
})

story(
  'three of five receivers fault in different ways and are not reconciled: the other two complete',
  async () => {
    const [first, second, third] = fleet.targets as [Server, Server, Server]
    const receivers = [
      intoTable(first, 't'),
      intoTable(second, 'missing'),
      intoTable(third, 't', { before: [`INSERT INTO t VALUES (${ROWS / 2}, 'in the way')`] }),
      new CallReceiver(
        ({ sequence }) => {
          if (sequence > 3) throw new Error('no more')
        },
        { name: 'callable' },
      ),
      intoTable(second, 't', { name: 'second try' }),
    ]
    const manager = new CopyManager(fromTable(fleet.source, 't'), receivers, { ring: RING })
    const { faults, sums } = await iterate(manager)
    const codes = faults.flatMap(({ faults }) =>
      [...faults.values()].map((error) => [error.receiver, error.sqlState ?? error.code] as const),
    )
    assert.deepEqual(
      new Map(codes),
      new Map([
        ['target2', '42P01'],
        ['target3', '23505'],
        ['callable', 'COPY_CALLABLE'],
      ]),
    )
    assert.equal(sums[0]?.messages, ROWS)
    assertStates(manager, 'committed', 'dropped', 'dropped', 'dropped', 'committed')
    await assertSame([fleet.source, first, second], 't')
    await assertRows([third], 't', 0)
  },
)

story("the same in one call, under 'isolate'", async () => {
  const [first, second] = fleet.targets as [Server, Server]
  const result = await copy({
    from: fromTable(fleet.source, 't'),
    to: [intoTable(first, 'missing'), intoTable(second, 't')],
    onFault: 'isolate',
  })
  assert.deepEqual(
    result.receivers.map(({ state, fault }) => [state, fault?.sqlState]),
    [
      ['dropped', '42P01'],
      ['committed', undefined],
    ],
  )
  await assertSame([fleet.source, second], 't')
})

story("the producer's connection dies: CopyFailed with its fault, and every target has 0 rows", async () => {
  const receivers = fleet.targets.map((target) => intoTable(target, 't'))
  // more than the sockets' buffers hold: the source must not be done before it is terminated
  const endless = "(SELECT generate_series(1, 50000000), repeat('x', 100))"
  const manager = new CopyManager(fromTable(fleet.source, endless), receivers, { ring: RING })
  const error = await iterate(manager, { cycle: once(() => terminateCopy(fleet.source, endless)) }).then(
    () => 'the copy ended without an error',
    (error: unknown) => error,
  )
  assert.ok(error instanceof CopyFailed, String(error))
  assert.ok(error.cause instanceof ProducerFault, String(error.cause))
  assert.ok(
    error.sqlState === '57P01' || (error.cause.cause as { code?: string }).code === 'COPY_CONNECTION_LOST',
  )
  assertStates(manager, 'aborted', 'aborted', 'aborted')
  await fleet.assertEmpty('t')
  await copy({
    from: fromTable(fleet.source, 't'),
    to: fleet.targets.map((target) => intoTable(target, 't')),
  })
  await fleet.assertEqual('t')
})

for (const fault of [
  'no fault',
  'one reconciled from its cursor',
  'one reconciled from the start',
  'one dropped',
]) {
  story(`counts, commands and what the iteration yielded equal the totals, with ${fault}`, async () => {
    const [first, second] = fleet.targets as [Server, Server]
    let throws = fault !== 'no fault'
    let taken = { pass: 1, bytes: 0 }
    const callable = new CallReceiver(({ bytes, pass }) => {
      if (throws && taken.bytes > 300_000) {
        throws = false
        throw new Error('once')
      }
      if (pass !== taken.pass) taken = { pass, bytes: 0 }
      taken.bytes += bytes.length
    })
    const producer = fromTable(fleet.source, 't')
    const receivers = [intoTable(first, 't'), intoTable(second, 't'), callable]
    const manager = new CopyManager(producer, receivers, { ring: RING })
    const { sums, faults } = await iterate(manager, {
      fault: () => {
        if (fault === 'one reconciled from its cursor') return manager.reconcile(callable)
        if (fault === 'one reconciled from the start') return manager.reconcile(callable, { from: 'start' })
        return undefined
      },
    })
    const [{ bytes = 0 } = {}] = await fleet.source.query<{ bytes: number }>(
      `SELECT sum(octet_length(i::text || s) + 2)::int AS bytes FROM t`,
    )
    const passes = fault === 'one reconciled from the start' ? 2 : 1
    assert.deepEqual(sums, Array(passes).fill({ messages: ROWS, bytes }))
    assert.equal(faults.length, fault === 'no fault' ? 0 : 1)
    const tag = { count: ROWS, command: `COPY ${ROWS}` }
    for (const receiver of receivers.slice(0, 2))
      assert.deepEqual({ count: receiver.count, command: receiver.command }, tag)
    assert.deepEqual(manager.outcomes.map(({ bytes }) => bytes).slice(0, 2), [bytes, bytes])
    if (fault !== 'one dropped') {
      assert.deepEqual(taken, { pass: passes, bytes })
      assert.equal(manager.outcomes[2]?.bytes, bytes)
    }
    const { count, command, totalMessages, totalBytes } = manager.producer
    assert.deepEqual(
      { count, command, totalMessages, totalBytes },
      { ...tag, totalMessages: ROWS, totalBytes: bytes },
    )
    await assertSame([fleet.source, first, second], 't')
  })
}
