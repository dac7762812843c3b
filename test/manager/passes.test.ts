import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyError,
  CopyManager,
  IteratorProducer,
  NullReceiver,
  ProducerFault,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertSame,
  assertStates,
  failsWith,
  fromTable,
  intoTable,
  iterate,
  once,
  RING,
  story,
  terminateCopy,
  until,
} from '../support/story.js'

const fleet = await startFleet(3)
const ROWS = 20_000

await fleet.everywhere('CREATE TABLE t (i int, s text)')
beforeEach(async () => {
  await fleet.everywhere('TRUNCATE t')
  await fleet.source.query(
    `INSERT INTO t SELECT i, repeat('x', 50 + i % 100) FROM generate_series(1, ${ROWS}) AS i`,
  )
})

/** Changes the source's table without a pause until it is stopped. @returns how many changes were made */
const keepChanging = (): { stop(): Promise<number>; made(): number } => {
  let stopping = false
  let made = 0
  const changing = (async () => {
    const client = await fleet.source.client()
    try {
      for (let i = 1; !stopping; i++) {
        await client.query(`INSERT INTO t VALUES (${ROWS + i}, 'new')`)
        await client.query(`DELETE FROM t WHERE i = ${i}`)
        await client.query(`UPDATE t SET s = 'changed' WHERE i BETWEEN ${i * 10} AND ${i * 10 + 9}`)
        made += 1
        await sleep(2)
      }
    } finally {
      await client.end()
    }
  })()
  return {
    made: () => made,
    async stop() {
      stopping = true
      await changing
      return made
    },
  }
}

story('terminated in mid-copy and reconciled from the start while the source is being changed', async () => {
  const [, lost] = fleet.targets as [Server, Server]
  const receivers = fleet.targets.map((target) => intoTable(target, 't'))
  const manager = new CopyManager(fromTable(fleet.source, 't'), receivers, { ring: RING })
  const changes = keepChanging()
  let before = 0
  try {
    const { sums, faults } = await iterate(manager, {
      cycle: once(async () => {
        before = changes.made()
        await terminateCopy(lost, 't')
        await until(() => changes.made() > before, 'the table is changed before the second pass')
      }),
      fault: async () => {
        const lostReceiver = receivers[1] as (typeof receivers)[number]
        assert.equal(manager.receivers.has(lostReceiver), false)
        await manager.reconcile(lostReceiver, { from: 'start' })
        assert.equal(manager.receivers.has(lostReceiver), true)
      },
    })
    assert.equal(faults.length, 1)
    assert.equal(sums.length, 2)
    assert.deepEqual(sums[1], sums[0])
  } finally {
    await changes.stop()
  }
  assert.deepEqual(
    manager.outcomes.map(({ state, passes }) => [state, passes]),
    [
      ['committed', 1],
      ['committed', 2],
      ['committed', 1],
    ],
  )
  const loaded = await assertSame(fleet.targets, 't')
  assert.notDeepEqual(await digestOf(fleet.source, 't'), loaded, 'the source has gone on since')
})

story('terminated again in its second pass, and reconciled from the start again', async () => {
  const [first, lost] = fleet.targets as [Server, Server]
  const receiver = intoTable(lost, 't')
  const manager = new CopyManager(fromTable(fleet.source, 't'), [intoTable(first, 't'), receiver], {
    ring: RING,
  })
  const kills = new Set<number>()
  const { sums } = await iterate(manager, {
    cycle: async ({ pass }) => {
      if (pass > 2 || kills.has(pass)) return
      kills.add(pass)
      await terminateCopy(lost, 't')
    },
    fault: () => manager.reconcile(receiver, { from: 'start' }),
  })
  assert.deepEqual(sums, Array(3).fill(sums[0]))
  assert.equal(manager.outcomes[1]?.passes, 3)
  await assertSame([fleet.source, first, lost], 't')
})

story('late joiners attached at 10 %, at 90 % and after the last byte are equal to the others', async () => {
  const [first, second, third] = fleet.targets as [Server, Server, Server]
  await first.query('CREATE TABLE IF NOT EXISTS late (LIKE t); TRUNCATE late')
  const manager = new CopyManager(fromTable(fleet.source, 't'), [intoTable(first, 't')], { ring: RING })
  const late = [
    { at: 0.1, receiver: intoTable(second, 't', { name: 'at 10 %' }) },
    { at: 0.9, receiver: intoTable(third, 't', { name: 'at 90 %' }) },
    { at: 1, receiver: intoTable(first, 'late', { name: 'after the last byte' }) },
  ]
  const attached: string[] = []
  let yielded = 0
  const { sums } = await iterate(manager, {
    cycle: ({ messages, pass }) => {
      if (pass > 1) return
      yielded += messages
      for (const { at, receiver } of late) {
        if (yielded < at * ROWS || attached.includes(receiver.name as string)) continue
        attached.push(receiver.name as string)
        manager.attach(receiver)
        assert.equal(manager.receivers.has(receiver), true)
      }
    },
  })
  assert.deepEqual(attached, ['at 10 %', 'at 90 %', 'after the last byte'])
  assert.deepEqual(sums, Array(2).fill({ messages: ROWS, bytes: sums[0]?.bytes }))
  assert.deepEqual(
    manager.outcomes.map(({ name, state, rows, bytes, passes }) => [name, state, rows, bytes, passes]),
    ['target1', ...attached].map((name) => [name, 'committed', ROWS, sums[0]?.bytes, 1]),
  )
  assert.throws(() => manager.attach(new NullReceiver()), refused(/not under way/))
  await fleet.assertEqual('t')
  assert.deepEqual(await digestOf(first, 'late'), await digestOf(fleet.source, 't'))
})

const refused = (text: RegExp) => (error: unknown) =>
  error instanceof CopyError && error.code === 'COPY_STATE' && text.test(error.message)

story('one attached in the further pass waits for the next one', async () => {
  const [first, second, third] = fleet.targets as [Server, Server, Server]
  const manager = new CopyManager(fromTable(fleet.source, 't'), [intoTable(first, 't')], { ring: RING })
  const attached = new Set<number>()
  const { sums } = await iterate(manager, {
    cycle: ({ pass }) => {
      if (attached.has(pass) || pass === 3) return
      attached.add(pass)
      manager.attach(intoTable(pass === 1 ? second : third, 't'))
    },
  })
  assert.deepEqual(sums, Array(3).fill(sums[0]))
  await fleet.assertEqual('t')
})

story('a source that can run only once refuses both, and the copy goes on', async () => {
  const [first] = fleet.targets as [Server]
  const faulty = new CallReceiver(() => {
    throw new Error('no')
  })
  const rows = (function* () {
    yield ['1\tone\n']
    yield ['2\ttwo\n']
  })()
  const manager = new CopyManager(new IteratorProducer(rows), [intoTable(first, 't'), faulty])
  const { faults } = await iterate(manager, {
    cycle: once(() => {
      assert.throws(() => manager.attach(new NullReceiver()), refused(/can run only once/))
    }),
    fault: () => assert.rejects(manager.reconcile(faulty, { from: 'start' }), refused(/can run only once/)),
  })
  assert.equal(faults.length, 1)
  assertStates(manager, 'committed', 'dropped')
  assert.deepEqual(await first.query('SELECT * FROM t'), [
    { i: 1, s: 'one' },
    { i: 2, s: 'two' },
  ])
})

story(
  'a source that gives other rows in its second pass fails the copy, and no receiver has a row',
  async () => {
    const [first, second] = fleet.targets as [Server, Server]
    let runs = 0
    const manager = new CopyManager(
      new IteratorProducer(() => {
        runs += 1
        return Array.from({ length: 3 + runs }, (_, i) => [`${i}\tone\n`])
      }),
      [intoTable(first, 't')],
    )
    const error = await failsWith(
      iterate(manager, {
        cycle: once(() => manager.attach(intoTable(second, 't'))),
      }),
      { cause: ProducerFault },
    )
    assert.match(error.message, /pass 2 gave 5 messages of 30 bytes, the first 4 of 24/)
    await fleet.assertEmpty('t')
  },
)
