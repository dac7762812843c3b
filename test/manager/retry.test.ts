import assert from 'node:assert/strict'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyAborted,
  CopyError,
  CopyManager,
  type CopyManagerOptions,
  copy,
  IteratorProducer,
  type Outcome,
  type Receiver,
  ReceiverFault,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { silentServer } from '../support/listener.js'
import { soon } from '../support/soon.js'
import {
  assertRows,
  assertSame,
  bounded,
  copyBackend,
  failsWith,
  faultOf,
  fromTable,
  intoTable,
  once,
  story,
  terminateCopy,
  until,
} from '../support/story.js'

const ROWS = 20_000
const fleet = await startFleet(3, {
  rows: ROWS,
  columns: 'i int PRIMARY KEY, s text',
  row: "i, repeat('x', 50 + i % 100)",
})
const [lost, second, third] = fleet.targets as [Server, Server, Server]

/**
 * Three targets, the first of which is the one that something will happen to.
 * @param midCopy what happens in mid-copy: a function among the receivers holds the ring until it has
 */
const managing = (
  midCopy: (() => Promise<unknown>) | undefined,
  first: Parameters<typeof intoTable>[2] = {},
  options: CopyManagerOptions = {},
): CopyManager => {
  const receivers: Receiver[] = [intoTable(lost, 't', first), intoTable(second, 't'), intoTable(third, 't')]
  if (midCopy !== undefined) receivers.push(new CallReceiver(once(midCopy)))
  return new CopyManager(fromTable(fleet.source, 't'), receivers, {
    ring: { slots: 4, slotBytes: 64 * 1024 },
    signal: bounded(),
    ...options,
  })
}

const terminating = (server: Server) => () => terminateCopy(server, 't')

/** What became of the three targets. */
const targetsOf = (outcomes: readonly Outcome[]): readonly Outcome[] => outcomes.slice(0, 3)

const told = (outcomes: readonly Outcome[]) =>
  targetsOf(outcomes).map(({ state, passes, retries }) => [state, passes, retries])

const ALL_WELL = [
  ['committed', 2, 1],
  ['committed', 1, 0],
  ['committed', 1, 0],
]

for (const onFault of ['abort', 'isolate'] as const) {
  for (const atomicity of ['barrier', 'each'] as const) {
    story(
      `row 23: terminated in mid-copy with retry, under '${onFault}' and '${atomicity}': all are equal after one retry`,
      async () => {
        const manager = managing(terminating(lost), {}, { atomicity })
        const result = await manager.run({ onFault, retry: { times: 1, backoff: 50 } })
        assert.deepEqual(told(result.receivers), ALL_WELL)
        assert.deepEqual(
          targetsOf(result.receivers).map(({ rows, fault }) => [rows, fault]),
          Array(3).fill([ROWS, undefined]),
        )
        await fleet.assertEqual('t')
      },
    )
  }
}

story('row 23: under each the others have committed and need not wait for the retry', async () => {
  const manager = managing(terminating(lost), {}, { atomicity: 'each' })
  const running = manager.run({ retry: { times: 1, backoff: 60_000 } })
  await until(
    () => manager.outcomes.slice(1, 3).every(({ state }) => state === 'committed'),
    'the others are committed',
  )
  assert.equal(manager.outcomes[0]?.state, 'waiting')
  await assert.rejects(manager.close(), CopyAborted)
  const error = await soon(
    running.catch((error: unknown) => error),
    'the end of the run',
  )
  assert.ok(error instanceof CopyAborted, String(error))
  assert.deepEqual(error.committed, ['target2', 'target3'])
  await assertSame([fleet.source, second, third], 't')
  await assertRows([lost], 't', 0)
})

for (const how of ['signal', 'close'] as const) {
  story(`row 23: the wait before a retry ends at once by ${how}`, async () => {
    const controller = new AbortController()
    const manager = managing(terminating(lost), {}, { signal: controller.signal })
    const running = manager.run({ retry: { times: 1, backoff: 60_000 } }).catch((error: unknown) => error)
    await until(
      () => told(manager.outcomes).every(([state]) => state === 'waiting' || state === 'completed'),
      'the others are complete',
    )
    if (how === 'signal') controller.abort(new Error('enough'))
    else await assert.rejects(manager.close(), CopyAborted)
    const error = await soon(running, 'the end of the run')
    assert.ok(error instanceof CopyAborted, String(error))
    await fleet.assertEmpty('t')
  })
}

for (const how of ['fast', 'immediate'] as const) {
  story(
    `row 23: a target that is restarted in mid-copy (${how}) is waited for, and all are equal`,
    async () => {
      const manager = managing(async () => {
        await copyBackend(lost, 't')
        await lost.stop(how)
      })
      const restarting = (async () => {
        // the second retry found no server to connect to
        await until(() => (manager.outcomes[0]?.retries ?? 0) >= 2, 'it is retried while the server is down')
        await lost.start()
      })()
      const result = await manager.run({ retry: { times: 100, backoff: 20 } })
      await restarting
      assert.deepEqual(
        targetsOf(result.receivers).map(({ state, rows }) => [state, rows]),
        Array(3).fill(['committed', ROWS]),
      )
      assert.ok((result.receivers[0]?.retries ?? 0) >= 2)
      // the source is read again only when a receiver has joined
      assert.equal(manager.stats().pass, 2)
      await fleet.assertEqual('t')
    },
  )
}

story(
  'row 23: a target whose server crashes in mid-copy and recovers is waited for, and all are equal',
  async () => {
    const manager = managing(async () => {
      const client = await lost.client()
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      await copyBackend(lost, 't')
      // one backend is killed: PostgreSQL ends all others with 57P02 and recovers
      process.kill(rows[0]?.pid as number, 'SIGKILL')
      await client.end().catch(() => undefined)
    })
    const result = await manager.run({ retry: { times: 100, backoff: 20 } })
    assert.deepEqual(
      targetsOf(result.receivers).map(({ state, rows }) => [state, rows]),
      Array(3).fill(['committed', ROWS]),
    )
    assert.ok((result.receivers[0]?.retries ?? 0) >= 1)
    await fleet.assertEqual('t')
  },
)

story('row 23: a target that is down at the start is waited for, and all are equal', async () => {
  const manager = managing(undefined)
  await lost.stop()
  try {
    const running = manager.run({ retry: { times: 100, backoff: 20 } })
    await until(() => (manager.outcomes[0]?.retries ?? 0) >= 2, 'it is retried while the server is down')
    await lost.start()
    const result = await running
    assert.deepEqual(
      targetsOf(result.receivers).map(({ state, rows }) => [state, rows]),
      Array(3).fill(['committed', ROWS]),
    )
  } finally {
    await lost.start()
  }
  await fleet.assertEqual('t')
})

story(
  'row 23: retries are used up: the copy fails with the last fault, and nothing is loaded anywhere',
  async () => {
    const manager = managing(undefined)
    await lost.stop()
    try {
      const error = await failsWith(manager.run({ retry: { times: 2, backoff: 20 } }))
      const fault = faultOf(error.cause as ReceiverFault<Receiver>, 'target1')
      assert.deepEqual([fault.code, fault.retryable, fault.phase], ['COPY_CONNECT', true, 'connect'])
      assert.match(fault.message, /ECONNREFUSED/)
      assert.equal(error.retryable, true)
      assert.equal(manager.outcomes[0]?.retries, 2)
    } finally {
      await lost.start()
    }
    await fleet.assertEmpty('t')
  },
)

story("row 23: retries are used up under 'isolate': it is dropped, and the others are complete", async () => {
  const manager = managing(undefined)
  await lost.stop()
  try {
    const { receivers, rows } = await manager.run({ onFault: 'isolate', retry: { times: 2, backoff: 20 } })
    assert.deepEqual(told(receivers)[0]?.[0], 'dropped')
    assert.deepEqual([receivers[0]?.retries, receivers[0]?.fault?.code, rows], [2, 'COPY_CONNECT', ROWS])
  } finally {
    await lost.start()
  }
  await assertSame([fleet.source, second, third], 't')
  await assertRows([lost], 't', 0)
})

story('row 23: a COPY that somebody cancels (57014) is not retried', async () => {
  const manager = managing(async () =>
    lost.query('SELECT pg_cancel_backend($1)', [await copyBackend(lost, 't')]),
  )
  const result = await manager.run({ onFault: 'isolate', retry: { times: 5, backoff: 0 } })
  const [first] = result.receivers
  assert.deepEqual([first?.state, first?.retries, first?.fault?.sqlState], ['dropped', 0, '57014'])
  assert.equal(first?.fault?.retryable, false)
  await assertSame([fleet.source, second, third], 't')
  await assertRows([lost], 't', 0)
})

story('row 12: what a server refuses (23505) is not retried, also beside a fault that is', async (s) => {
  const inTheWay = { before: [`INSERT INTO t VALUES (${ROWS}, 'in the way')`] }
  for (const onFault of ['abort', 'isolate'] as const) {
    const manager = managing(undefined, inTheWay)
    const running = manager.run({ onFault, retry: { times: 5, backoff: 0 } })
    const fault =
      onFault === 'abort'
        ? faultOf((await failsWith(running)).cause as ReceiverFault<Receiver>, 'target1')
        : (await running).receivers[0]?.fault
    assert.deepEqual([fault?.sqlState, fault?.retryable], ['23505', false])
    assert.equal(manager.outcomes[0]?.retries, 0)
    await s.assertNothingLeft()
    if (onFault === 'abort') await fleet.assertEmpty('t')
    else await assertSame([fleet.source, second, third], 't')
  }
})

story('row 23: onFault gets only the faults that are not retried', async () => {
  const manager = managing(terminating(second), {
    before: [`INSERT INTO t VALUES (${ROWS}, 'in the way')`],
  })
  const seen: [string | undefined, string | undefined][] = []
  const result = await manager.run({
    onFault: ({ faults }) => {
      for (const { receiver, sqlState } of faults.values()) seen.push([receiver, sqlState])
    },
    retry: { times: 3, backoff: 10 },
  })
  assert.deepEqual(seen, [['target1', '23505']])
  assert.deepEqual(told(result.receivers), [
    ['dropped', 1, 0],
    ['committed', 2, 1],
    ['committed', 1, 0],
  ])
  await assertSame([fleet.source, second, third], 't')
  await assertRows([lost], 't', 0)
})

story(
  "row 23: of two faults at once onFault gets the one that is not retried; under 'abort' neither is retried",
  async (s) => {
    for (const isAbort of [true, false]) {
      const receivers = [intoTable(lost, 't'), intoTable(second, 'missing'), intoTable(third, 't')]
      const manager = new CopyManager(fromTable(fleet.source, 't'), receivers)
      const seen: (string | undefined)[] = []
      await lost.stop()
      try {
        const running = manager.run({
          onFault: isAbort
            ? 'abort'
            : async ({ faults }) => {
                seen.push(...[...faults.values()].map(({ sqlState, code }) => sqlState ?? code))
                await lost.start()
              },
          retry: { times: 100, backoff: 20 },
        })
        if (isAbort) {
          const { cause } = await failsWith(running)
          assert.ok(cause instanceof ReceiverFault)
          assert.equal(cause.faults.size, 2)
          assert.equal(cause.retryable, false)
          assert.deepEqual(
            manager.outcomes.map(({ retries }) => retries),
            [0, 0, 0],
          )
          // the third may have had all rows by then
          assert.ok(manager.outcomes.every(({ state }) => state === 'aborted' || state === 'rolled-back'))
        } else {
          assert.deepEqual(
            (await running).receivers.map(({ state }) => state),
            ['committed', 'dropped', 'committed'],
          )
          assert.deepEqual(seen, ['42P01'])
        }
      } finally {
        await lost.start()
      }
      await s.assertNothingLeft()
      if (isAbort) await fleet.assertEmpty('t')
    }
    await assertSame([fleet.source, lost, third], 't')
    await assertRows([second], 't', 0)
  },
)

story('row 23: the receivers of a source that can run only once are not retried', async () => {
  const source = async function* () {
    yield ['1\tone\n']
    await terminateCopy(lost, 't')
    yield ['2\ttwo\n']
  }
  const error = await failsWith(
    copy({
      from: new IteratorProducer(source()),
      to: [intoTable(lost, 't'), intoTable(second, 't')],
      retry: { times: 5, backoff: 0 },
    }),
  )
  assert.equal(faultOf(error.cause as ReceiverFault<Receiver>, 'target1').retryable, true)
  await fleet.assertEmpty('t')
})

story('row 4: a role that has no connection left (53300) is retried until it has one', async () => {
  await lost.query('CREATE ROLE one LOGIN CONNECTION LIMIT 1; GRANT ALL ON t TO one')
  const taken = await lost.client({ user: 'one' })
  try {
    const manager = managing(undefined, { connection: { ...lost.connection, user: 'one' } })
    const running = manager.run({ retry: { times: 100, backoff: 20 } })
    await until(() => (manager.outcomes[0]?.retries ?? 0) >= 2, 'it is retried')
    await taken.end()
    assert.deepEqual(
      targetsOf((await running).receivers).map(({ state, rows }) => [state, rows]),
      Array(3).fill(['committed', ROWS]),
    )
  } finally {
    await taken.end()
    await lost.query('REVOKE ALL ON t FROM one; DROP ROLE one')
  }
  await fleet.assertEqual('t')
})

story('row 2: a server that is silent during connecting is a retryable fault', async () => {
  const silent = await silentServer()
  try {
    const connection = { ...lost.connection, port: silent.port }
    const manager = managing(undefined, { connection }, { deadlines: { connect: 200 } })
    const error = await failsWith(manager.run({ retry: { times: 1, backoff: 10 } }))
    const fault = faultOf(error.cause as ReceiverFault<Receiver>, 'target1')
    assert.ok(fault instanceof CopyError)
    assert.deepEqual([fault.code, fault.retryable], ['COPY_CONNECT', true], fault.message)
    assert.equal(manager.outcomes[0]?.retries, 1)
  } finally {
    await silent.close()
  }
  await fleet.assertEmpty('t')
})
