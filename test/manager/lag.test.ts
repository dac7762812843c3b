import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyError,
  CopyManager,
  type CopyManagerOptions,
  copy,
  IteratorProducer,
  NullReceiver,
  type OnFault,
  type Receiver,
  ReceiverFault,
  StatementReceiver,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { soon } from '../support/soon.js'
import {
  assertRows,
  assertSame,
  atStoryEnd,
  bounded,
  failsWith,
  faultOf,
  fromTable,
  intoTable,
  iterate,
  story,
  until,
} from '../support/story.js'
import { startThrottled, type ThrottledServer } from '../support/throttle.js'

const ROWS = 25_000
const fleet = await startFleet(3, { rows: ROWS, table: 'wide', row: 'i, repeat(md5(i::text), 1 + i % 60)' })
const [throttled, second, third] = fleet.targets as [Server, Server, Server]
const SLOTS = 4
const SLOT_BYTES = 64 * 1024
const RING = { slots: SLOTS, slotBytes: SLOT_BYTES }
/** So slow that all of the table takes minutes; and so slow that it takes seconds. */
const CRAWL = 50_000
const STROLL = 12_000_000

// more than the kernel's socket buffers and the ring hold, on the way through a relay

/** Three targets; the first is on a slow line. Everything is released, however the test ends. */
const withSlowLine = async (
  bytesPerSecond: number,
  act: (receivers: readonly StatementReceiver[], line: ThrottledServer) => Promise<void>,
): Promise<void> => {
  const line = await startThrottled(throttled, bytesPerSecond)
  try {
    await act(
      [
        intoTable(throttled, 'wide', { connection: line.connection }),
        intoTable(second, 'wide'),
        intoTable(third, 'wide'),
      ],
      line,
    )
  } finally {
    await line.close()
  }
}

const managing = (receivers: readonly Receiver[], options: CopyManagerOptions): CopyManager =>
  new CopyManager(fromTable(fleet.source, 'wide'), receivers, {
    ring: RING,
    signal: bounded(),
    ...options,
  })

const drop = (seconds: number): CopyManagerOptions => ({ lag: { policy: 'drop', seconds } })

const assertLag = (error: CopyError | undefined): void => {
  assert.ok(error instanceof CopyError)
  assert.deepEqual([error.code, error.phase, error.receiver], ['COPY_LAG', 'copy', 'target1'])
  assert.equal(error.retryable, true)
  const said = /^it held up the others for ([\d.]+) s and was (\d+) bytes behind them$/.exec(error.message)
  assert.ok(said !== null, error.message)
  const bytes = Number(said[2])
  assert.ok(bytes > 0 && bytes <= SLOTS * SLOT_BYTES, `${bytes} bytes`)
}

const statesOf = (manager: CopyManager) => manager.outcomes.map(({ state, rows }) => [state, rows])

story(
  'row 21: one of three targets is slow under block: all wait for it, and are complete and equal',
  async () => {
    await withSlowLine(STROLL, async (receivers) => {
      const manager = managing(receivers, {})
      let most = 0
      const { faults } = await iterate(manager, {
        cycle: () => {
          for (const { lagBytes } of manager.stats().receivers) most = Math.max(most, lagBytes)
        },
      })
      assert.equal(faults.length, 0)
      assert.deepEqual(statesOf(manager), Array(3).fill(['committed', ROWS]))
      // the bound of memory: what it has not taken lies in the ring, whose size is fixed
      assert.ok(most > SLOT_BYTES, `it lagged ${most} bytes at most`)
      assert.ok(most <= SLOTS * SLOT_BYTES, `${most} bytes were kept for it`)
    })
    await fleet.assertEqual('wide')
  },
)

for (const [name, onFault] of [
  ["'isolate'", 'isolate'],
  ['a function', () => undefined],
] as const) {
  story(
    `row 21: one of three targets is slow under drop, with ${name}: a lag fault, and the others go on`,
    async () => {
      await withSlowLine(CRAWL, async (receivers) => {
        const manager = managing(receivers, drop(1))
        const told: ReceiverFault<Receiver>[] = []
        const decide: OnFault = typeof onFault === 'function' ? (fault) => void told.push(fault) : onFault
        const result = await manager.run({ onFault: decide })
        assert.deepEqual(statesOf(manager), [
          ['dropped', undefined],
          ['committed', ROWS],
          ['committed', ROWS],
        ])
        assertLag(result.receivers[0]?.fault)
        assert.deepEqual([result.rows, result.receivers[0]?.retries], [ROWS, 0])
        if (typeof onFault === 'function') {
          assert.equal(told.length, 1)
          assertLag(faultOf(told[0], 'target1'))
        }
      })
      await assertSame([fleet.source, second, third], 'wide')
      await assertRows([throttled], 'wide', 0)
    },
  )
}

story(
  "row 21: under drop and 'abort' a slow target ends the copy, and nothing is loaded anywhere",
  async () => {
    await withSlowLine(CRAWL, async (receivers) => {
      const error = await failsWith(managing(receivers, drop(1)).run(), { cause: ReceiverFault })
      assertLag(faultOf(error.cause, 'target1'))
      assert.equal(error.retryable, true)
    })
    await fleet.assertEmpty('wide')
  },
)

story(
  'row 21: in the caller’s own loop the slow target releases everything before the caller has decided, and can only start again',
  async () => {
    await withSlowLine(CRAWL, async (receivers, line) => {
      const manager = managing(receivers, drop(1))
      const slow = receivers[0] as StatementReceiver
      const { faults, sums } = await iterate(manager, {
        fault: async (fault) => {
          assertLag(faultOf(fault, 'target1'))
          const [, ...others] = manager.stats().receivers
          const taken = others.map(({ bytes }) => bytes)
          await until(() => {
            const [held, ...now] = manager.stats().receivers
            assert.equal(held?.state, 'faulted')
            return now.every(({ bytes }, i) => bytes > (taken[i] as number))
          }, 'the others go on by themselves')
          await assert.rejects(
            manager.reconcile(slow),
            (error: unknown) =>
              error instanceof CopyError && /cannot go on from where it stood/.test(error.message),
          )
          line.lift()
          await manager.reconcile(slow, { from: 'start' })
        },
      })
      assert.equal(faults.length, 1)
      assert.deepEqual(sums[1], sums[0])
      assert.deepEqual(
        manager.outcomes.map(({ state, passes, retries }) => [state, passes, retries]),
        [
          ['committed', 2, 0],
          ['committed', 1, 0],
          ['committed', 1, 0],
        ],
      )
    })
    await fleet.assertEqual('wide')
  },
)

story(
  'row 21: slow, dropped and retried when the line is fast again: all are equal after two passes',
  async () => {
    await withSlowLine(CRAWL, async (receivers, line) => {
      const manager = managing(receivers, drop(1))
      const lifting = until(() => manager.outcomes[0]?.retries === 1, 'it is to be retried').then(() =>
        line.lift(),
      )
      const result = await manager.run({ retry: { times: 1, backoff: 100 } })
      await lifting
      assert.deepEqual(
        result.receivers.map(({ state, rows, passes, retries, fault }) => [
          state,
          rows,
          passes,
          retries,
          fault,
        ]),
        [
          ['committed', ROWS, 2, 1, undefined],
          ['committed', ROWS, 1, 0, undefined],
          ['committed', ROWS, 1, 0, undefined],
        ],
      )
    })
    await fleet.assertEqual('wide')
  },
)

story('row 21: two of three targets are slow under drop: both are dropped', async () => {
  await withSlowLine(CRAWL, async (receivers) => {
    const line = await startThrottled(second, CRAWL)
    try {
      const manager = managing(
        [
          receivers[0],
          intoTable(second, 'wide', { connection: line.connection }),
          receivers[2],
        ] as Receiver[],
        drop(1),
      )
      await manager.run({ onFault: 'isolate' })
      assert.deepEqual(
        manager.outcomes.map(({ state, fault }) => [state, fault?.code]),
        [
          ['dropped', 'COPY_LAG'],
          ['dropped', 'COPY_LAG'],
          ['committed', undefined],
        ],
      )
    } finally {
      await line.close()
    }
  })
  await assertSame([fleet.source, third], 'wide')
  await assertRows([throttled, second], 'wide', 0)
})

story(
  'row 21: no receiver is dropped for a slow loop, for a slow source, or when it holds up no other',
  async () => {
    const seconds = 0.25
    const slices = Array.from({ length: 24 }, (_, i) => [`${i}\t${'x'.repeat(900)}\n`])
    const small = { ring: { slots: 2, slotBytes: 1024 }, ...drop(seconds) }
    const waitFor = (ms: number) => async () => {
      await sleep(ms)
    }
    let taken = 0
    let isAsleep = false
    // it holds the slot that the loop holds too, and moves on when that does
    const beside = new CallReceiver(async ({ sequence }) => {
      while (isAsleep && sequence >= taken) await sleep(5)
    })
    const loop = new CopyManager(new IteratorProducer(slices), [beside, new NullReceiver()], small)
    let turns = 0
    const slowly = await iterate(loop, {
      cycle: async ({ messages }) => {
        taken += messages
        turns += 1
        if (turns > 4) return
        isAsleep = true
        await sleep(600)
        isAsleep = false
      },
    })
    const source = async function* () {
      for (const rows of slices.slice(0, 4)) {
        await sleep(400)
        yield rows
      }
    }
    const silent = new CopyManager(
      new IteratorProducer(source()),
      [new NullReceiver(), new NullReceiver()],
      small,
    )
    // as slow as each other; then one alone
    const all = [new CallReceiver(waitFor(60)), new CallReceiver(waitFor(60))]
    const together = new CopyManager(new IteratorProducer(slices), all, small)
    const alone = new CopyManager(new IteratorProducer(slices), [new CallReceiver(waitFor(60))], small)
    const faults = [
      slowly,
      ...(await Promise.all([silent, together, alone].map((manager) => iterate(manager)))),
    ].flatMap(({ faults }) => faults)
    assert.deepEqual(faults, [])
  },
)

const MANY = Array.from({ length: 64 }, (_, i) => [`${i}\t${'x'.repeat(900)}\n`])
const HASH = createHash('md5').update(MANY.flat().join('')).digest('hex')

story(
  'row 21: the copy goes on without a function that does not settle, and waits for one that was lent its slot',
  async () => {
    let settle: () => void = () => undefined
    let calls = 0
    const stuck = new CallReceiver(
      async () => {
        calls += 1
        await new Promise<void>((resolve) => {
          settle = resolve
        })
      },
      { name: 'stuck' },
    )
    const small = { ring: { slots: 2, slotBytes: 1024 }, ...drop(0.25) }
    const manager = new CopyManager(new IteratorProducer(MANY), [stuck, new NullReceiver()], small)
    const result = await soon(manager.run({ onFault: 'isolate' }), 'the copy without the function')
    assert.deepEqual(
      result.receivers.map(({ state, fault }) => [state, fault?.code]),
      [
        ['dropped', 'COPY_LAG'],
        ['completed', undefined],
      ],
    )
    settle()
    assert.equal(calls, 1)

    const md5 = createHash('md5')
    let torn = 0
    const lent = new CallReceiver(
      async ({ bytes, sequence }) => {
        const before = Buffer.from(bytes)
        if (sequence === 4) await sleep(1000)
        if (!before.equals(bytes)) torn += 1
        md5.update(bytes)
      },
      { zeroCopy: true },
    )
    const waiting = new CopyManager(new IteratorProducer(MANY), [lent, new NullReceiver()], small)
    assert.deepEqual((await iterate(waiting)).faults, [])
    assert.deepEqual([torn, md5.digest('hex')], [0, HASH])
  },
)

story(
  'row 21: a function that was dropped for its lag begins again only when its last call has settled',
  async () => {
    let settle: () => void = () => undefined
    let running = 0
    let most = 0
    const passes: number[] = []
    const md5 = createHash('md5')
    const receiver = new CallReceiver(
      async ({ bytes, pass, sequence }) => {
        running += 1
        most = Math.max(most, running)
        passes.push(pass)
        if (pass === 1 && sequence === 3)
          await new Promise<void>((resolve) => {
            settle = resolve
          })
        if (pass === 2) md5.update(bytes)
        running -= 1
      },
      { name: 'function' },
    )
    const manager = new CopyManager(new IteratorProducer(() => MANY), [receiver, new NullReceiver()], {
      ring: { slots: 2, slotBytes: 1024 },
      // a copy that stands still would keep the test's process
      signal: bounded(),
      ...drop(0.25),
    })
    // retry leaves it to the caller: what it did with the rows is not ours to undo
    const result = await soon(
      manager.run({
        retry: { times: 3, backoff: 0 },
        onFault: async (fault) => {
          assert.equal(faultOf(fault, 'function').code, 'COPY_LAG')
          await manager.reconcile(receiver, { from: 'start' })
          setTimeout(settle, 200)
        },
      }),
      'both passes',
    )
    assert.deepEqual(
      result.receivers.map(({ state, retries, passes }) => [state, retries, passes]),
      [
        ['completed', 0, 2],
        ['completed', 0, 1],
      ],
    )
    assert.equal(most, 1, 'one slice at a time')
    assert.equal(md5.digest('hex'), HASH)
    assert.deepEqual([...passes].sort(), passes)
  },
)

const opened: pg.Client[] = []
atStoryEnd(() => Promise.all(opened.splice(0).map((client) => client.end().catch(() => undefined))))

story('row 21: a user’s own client that is slow is closed, and its transaction with it', async () => {
  await withSlowLine(CRAWL, async (receivers, line) => {
    const client = new pg.Client({ ...line.connection, ssl: false })
    client.on('error', () => undefined)
    opened.push(client)
    await client.connect()
    await client.query('BEGIN')
    const own = new StatementReceiver({ client, statement: 'COPY wide FROM STDIN', name: 'target1' })
    const result = await copy({
      from: fromTable(fleet.source, 'wide'),
      to: [own, ...receivers.slice(1)],
      onFault: 'isolate',
      retry: { times: 5 },
      ring: RING,
      ...drop(1),
    })
    assert.deepEqual(
      result.receivers.map(({ state, retries }) => [state, retries]),
      [
        ['dropped', 0],
        ['committed', 0],
        ['committed', 0],
      ],
    )
    assertLag(result.receivers[0]?.fault)
  })
  await assertSame([fleet.source, second, third], 'wide')
  await assertRows([throttled], 'wide', 0)
})
