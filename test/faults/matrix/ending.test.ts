import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import {
  CallReceiver,
  CopyAborted,
  CopyManager,
  type CopyManagerOptions,
  type Receiver,
} from '../../../src/index.js'
import { startFleet } from '../../support/fleet.js'
import {
  faultOf,
  fromTable,
  inTime,
  intoTable,
  iterate,
  logFromNow,
  story,
  until,
} from '../../support/story.js'

// no such standby ever answers: a backend waits for it in COMMIT
const fleet = await startFleet(3, { settings: { synchronous_standby_names: 'nobody' } })
const { source, targets } = fleet
const RING = { slots: 4, slotBytes: 32 * 1024 }
const COPYMAN = fileURLToPath(new URL('../../../src/cli/copyman.js', import.meta.url))

await fleet.everywhere('CREATE TABLE t (i int, s text)')
await source.query(`INSERT INTO t SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 3000) AS i`)

/** Fails where a target has lost a connection that was not aligned. */
const watchAlignment = async (): Promise<() => Promise<void>> => {
  const logs = await Promise.all(targets.map(logFromNow))
  return async () => {
    for (const log of logs)
      assert.doesNotMatch(await log(), /with an open transaction|could not receive data/)
  }
}

/** A copy into all targets and one receiver more; when it is over, nothing is held any more. @returns what it threw */
const ending = async (
  play: (manager: CopyManager) => Promise<unknown>,
  more: { readonly options?: CopyManagerOptions; readonly receivers?: readonly Receiver[] } = {},
): Promise<unknown> => {
  await Promise.all(targets.map((target) => target.query('TRUNCATE t')))
  const assertAligned = await watchAlignment()
  const receivers = [...targets.map((target) => intoTable(target, 't')), ...(more.receivers ?? [])]
  const manager = new CopyManager(fromTable(source, 't'), receivers, { ring: RING, ...more.options })
  const error = await inTime(
    play(manager).then(
      () => undefined,
      (error: unknown) => error,
    ),
    'the end of the copy',
  )
  await manager[Symbol.asyncDispose]()
  await assertAligned()
  return error
}

story('row 20: the loop, onFault or a function of the caller throws', async () => {
  const boom = new RangeError('boom')
  const throwing = (name: string): CallReceiver =>
    new CallReceiver(
      () => {
        throw boom
      },
      { name },
    )

  const own = await ending(async (manager) => {
    try {
      for await (const _ of manager) throw boom
    } finally {
      await manager[Symbol.asyncDispose]()
    }
  })
  assert.equal(own, boom, 'the error of the loop comes out unchanged')
  await fleet.assertEmpty('t')

  const asked = await ending(
    (manager) =>
      manager.run({
        onFault: () => {
          throw boom
        },
      }),
    { receivers: [throwing('mine')] },
  )
  assert.ok(asked instanceof CopyAborted, String(asked))
  assert.equal(asked.cause, boom, 'what onFault threw is the cause')
  await fleet.assertEmpty('t')

  const told = await ending(
    async (manager) => {
      const { faults } = await iterate(manager)
      const fault = faultOf(faults[0], 'mine')
      assert.equal(fault.code, 'COPY_CALLABLE')
      assert.equal(fault.cause, boom)
    },
    { receivers: [throwing('mine')] },
  )
  assert.equal(told, undefined, 'the fault of a function is its own receiver’s')
  await fleet.assertEqual('t')
})

story('row 25: the signal is fired before the start, in the middle, and during COMMIT', async () => {
  const reason = new Error('enough')
  const assertAborted = (error: unknown, committed: readonly string[]): void => {
    assert.ok(error instanceof CopyAborted, String(error))
    assert.equal(error.cause, reason)
    assert.deepEqual(error.committed, committed)
  }
  assertAborted(
    await ending((manager) => manager.run(), { options: { signal: AbortSignal.abort(reason) } }),
    [],
  )
  await fleet.assertEmpty('t')

  const middle = new AbortController()
  const inTheMiddle = await ending(
    async (manager) => {
      for await (const _ of manager) middle.abort(reason)
    },
    { options: { signal: middle.signal } },
  )
  assertAborted(inTheMiddle, [])
  await fleet.assertEmpty('t')

  // the first commits, the second waits in COMMIT for a standby that is not there
  const late = new AbortController()
  const [first, second] = targets as [(typeof targets)[0], (typeof targets)[0]]
  await Promise.all(targets.map((target) => target.query('TRUNCATE t')))
  const manager = new CopyManager(
    fromTable(source, 't'),
    [intoTable(first, 't'), intoTable(second, 't', { session: { synchronous_commit: 'on' } })],
    { signal: late.signal, deadlines: { abort: 1000, resolve: 1000 } },
  )
  const running = manager.run().catch((error: unknown) => error)
  await until(
    async () =>
      (await second.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)).length === 1,
    'the second waits in COMMIT',
  )
  late.abort(reason)
  assertAborted(await inTime(running, 'the end of the copy'), [first.name])
  assert.equal(manager.outcomes[1]?.state, 'in-doubt')
  await second.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
})

story('row 26: the command is interrupted or terminated, once and twice', async () => {
  // a function in FROM would be run to its end before the first row
  const endless = 'SELECT i, i::text FROM (SELECT generate_series(1, 1000000000) AS i) AS s'
  await Promise.all(targets.map((target) => target.query('TRUNCATE t')))
  const args = ['copy', '--from', source.url, '--query', endless, '--to-table', 't']
  for (const [signal, times, status] of [
    ['SIGINT', 1, 130],
    ['SIGTERM', 1, 143],
    ['SIGINT', 2, 130],
    ['SIGTERM', 2, 143],
  ] as const) {
    const assertAligned = await watchAlignment()
    const child = spawn(
      process.execPath,
      [COPYMAN, ...args, ...targets.flatMap(({ url }) => ['--to', url])],
      {
        stdio: 'ignore',
      },
    )
    try {
      const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
      for (const target of targets)
        await until(
          async () =>
            (await target.query(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY "t"%'`)).length > 0,
          `${target.name} is copied to`,
        )
      for (let sent = 0; sent < times; sent++) child.kill(signal)
      assert.equal(await inTime(exited, `the end by ${times} × ${signal}`), status)
    } finally {
      child.kill('SIGKILL')
    }
    await fleet.assertNoConnections()
    if (times === 1) await assertAligned()
    await fleet.assertEmpty('t')
  }
})
