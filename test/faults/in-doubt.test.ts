import assert from 'node:assert/strict'
import pg from 'pg'
import { digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import { startServers } from '../../scripts/postgres/servers.js'
import {
  CopyAborted,
  CopyError,
  type CopyErrorCode,
  CopyFailed,
  CopyManager,
  type CopyManagerOptions,
  type Receiver,
  ReceiverFault,
  StatementReceiver,
} from '../../src/index.js'
import { errorResponse, ready } from '../support/backend-messages.js'
import {
  type Caught,
  type CommitProxy,
  cutTheAnswer,
  cutTheRequest,
  startCommitProxy,
  swallowTheAnswer,
} from '../support/commit-proxy.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  assertStates,
  failsWith,
  failureOf,
  faultOf,
  fromTable,
  inTime,
  intoTable,
  iterate,
  statesOf,
  story,
  until,
} from '../support/story.js'

const ROWS = 5000
// no such standby ever answers: a backend waits for it in COMMIT until the wait is ended, and has committed then
const fleet = await startFleet(3, { settings: { synchronous_standby_names: 'nobody' }, rows: ROWS })
const [first, second, third] = fleet.targets as [Server, Server, Server]

interface Setting {
  readonly manager: CopyManager
  /** The receiver of the first target, whose COMMIT goes by the proxy. */
  readonly lost: Receiver
  readonly proxy: CommitProxy
}

/** Three receivers; the first one's COMMIT is handed to `atCommit`. Afterwards nothing of the copy may be left. */
const losing = async (
  atCommit: (caught: Caught) => void,
  use: (setting: Setting) => Promise<void>,
  options: CopyManagerOptions = {},
  more: Parameters<typeof intoTable>[2] = {},
): Promise<void> => {
  const proxy = await startCommitProxy(first, atCommit)
  try {
    const lost = intoTable(first, 't', { connection: proxy.connection, ...more })
    const receivers = [lost, intoTable(second, 't'), intoTable(third, 't')]
    await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers, options)
    await use({ manager, lost, proxy })
  } finally {
    await proxy.close()
  }
}

const assertCommitted = (manager: CopyManager, passes: readonly number[]): void =>
  assert.deepEqual(
    manager.outcomes.map(({ state, passes, fault }) => [state, passes, fault]),
    passes.map((count) => ['committed', count, undefined]),
  )

/** Exactly one warning: that the first receiver's COMMIT was lost, and is done. */
const assertNoted = ({ warnings }: CopyManager): void => {
  assert.equal(warnings.length, 1, String(warnings))
  const [note] = warnings
  assert.deepEqual([note?.receiver, note?.phase], [first.name, 'commit'])
  assert.match(note?.message as string, /server says that transaction \d+ was committed/)
}

for (const [how, options, onFault] of [
  ["under 'abort'", {}, 'abort'],
  ["under 'isolate'", {}, 'isolate'],
  ["under 'each'", { atomicity: 'each' }, 'abort'],
] as const) {
  story(`row 17: a COMMIT whose answer is cut off was done, and counts as done, ${how}`, async () => {
    await losing(
      cutTheAnswer,
      async ({ manager }) => {
        const result = await inTime(manager.run({ onFault }), 'the copy')
        assertCommitted(manager, [1, 1, 1])
        assertNoted(manager)
        assert.deepEqual(result.warnings, manager.warnings)
      },
      options,
    )
    await assertSame(fleet.all, 't')
  })
}

/** The server rolled the lost COMMIT back: the receiver faults once with this code, and is loaded from the start. */
const loadsAgain = async (
  { manager, lost }: Pick<Setting, 'manager' | 'lost'>,
  code: CopyErrorCode,
): Promise<void> => {
  const { faults } = await inTime(
    iterate(manager, {
      fault: async (fault) => {
        const error = faultOf(fault, first.name)
        assert.deepEqual([error.code, error.phase], [code, 'commit'], error.message)
        assert.match(error.message, /COMMIT was lost and the server rolled back/)
        await manager.reconcile(lost, { from: 'start' })
      },
    }),
    'the copy',
  )
  assert.equal(faults.length, 1)
  assertCommitted(manager, [2, 1, 1])
  assert.deepEqual(manager.warnings, [])
}

story(
  'row 17: a COMMIT that never reached its server is rolled back, and its receiver is loaded from the start, once',
  async () => {
    await losing(cutTheRequest, async ({ manager, lost }) => {
      await loadsAgain({ manager, lost }, 'COPY_CONNECTION_LOST')
    })
    await assertSame(fleet.all, 't')
  },
)

story('row 17: with retry, a COMMIT that never reached its server is retried automatically', async () => {
  await losing(cutTheRequest, async ({ manager }) => {
    const result = await inTime(manager.run({ retry: { times: 1, backoff: 0 } }), 'the copy')
    assert.deepEqual(
      result.receivers.map(({ state, retries }) => [state, retries]),
      [
        ['committed', 1],
        ['committed', 0],
        ['committed', 0],
      ],
    )
  })
  await assertSame(fleet.all, 't')
})

story(
  "row 17: under 'abort' a COMMIT that never reached its server is the last one that is sent",
  async () => {
    await losing(cutTheRequest, async ({ manager }) => {
      const error = await inTime(failsWith(manager.run(), { cause: ReceiverFault }), 'the copy')
      assert.equal(faultOf(error.cause, first.name).code, 'COPY_CONNECTION_LOST')
      assert.deepEqual(error.committed, [])
      assertStates(manager, 'rolled-back', 'rolled-back', 'rolled-back')
    })
    await fleet.assertEmpty('t')
  },
)

const waiting = async (): Promise<number | undefined> => {
  const [backend] = await first.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'copyman' AND wait_event = 'SyncRep'`,
  )
  return backend?.pid
}
const isAsked = async (): Promise<boolean> => {
  const asking = await first.query(
    `SELECT 1 FROM pg_stat_activity WHERE application_name = 'copyman' AND query LIKE '%pg_xact_status%'`,
  )
  return asking.length > 0
}

story(
  "row 17: copyman asks about a COMMIT in progress until it is decided, and under 'abort' no other receiver commits before",
  async () => {
    let caught: Caught | undefined
    await losing(
      (commit) => {
        caught = commit
        commit.behind.write(commit.message)
      },
      async ({ manager }) => {
        const running = manager.run()
        running.catch(() => undefined)
        await until(async () => (await waiting()) !== undefined, 'a backend waits in COMMIT')
        // its server does not look at a connection while it waits for a standby
        ;(caught as Caught).client.destroy()
        await until(isAsked, 'the server is asked')
        assert.deepEqual(
          manager.stats().receivers.map(({ state }) => state),
          ['committing', 'completed', 'completed'],
        )
        await first.query('SELECT pg_terminate_backend($1)', [await waiting()])
        await inTime(running, 'the copy')
        assertCommitted(manager, [1, 1, 1])
        assertNoted(manager)
      },
      {},
      { session: { synchronous_commit: 'on' } },
    )
    await assertSame(fleet.all, 't')
  },
)

story('row 17: a server that restarts before it can be asked is asked then', async () => {
  let proxy: CommitProxy | undefined
  await losing(
    (caught) => {
      proxy?.goTo(undefined)
      cutTheAnswer(caught)
    },
    async (setting) => {
      const { manager } = setting
      proxy = setting.proxy
      const running = manager.run()
      running.catch(() => undefined)
      await until(() => manager.stats().receivers[0]?.state === 'committing', 'COMMIT is sent')
      await until(async () => (await digestOf(first, 't')).rows === String(ROWS), 'it is committed')
      try {
        await first.stop()
        proxy.goTo(first)
      } finally {
        await first.start()
      }
      await inTime(running, 'the copy')
      assertCommitted(manager, [1, 1, 1])
      assertNoted(manager)
    },
  )
  await assertSame(fleet.all, 't')
})

const inDoubt = (why: RegExp) => (error: unknown) =>
  error instanceof CopyError && error.code === 'COPY_IN_DOUBT' && why.test(error.message)

/** Iterates to the end; the only fault must be a doubt, for this reason, which cannot be reconciled. */
const endsInDoubt = async ({ manager, lost }: Setting, why: RegExp): Promise<void> => {
  const { faults } = await inTime(
    iterate(manager, {
      fault: async (fault) => {
        const error = faultOf(fault, first.name)
        assert.ok(inDoubt(why)(error), error.message)
        assert.equal(error.phase, 'commit')
        await assert.rejects(manager.reconcile(lost, { from: 'start' }), {
          code: 'COPY_STATE',
          message: /target1 may have committed already/,
        })
      },
    }),
    'the copy',
  )
  assert.equal(faults.length, 1)
  assertStates(manager, 'in-doubt', 'committed', 'committed')
  await assertSame([fleet.source, second, third], 't')
}

story('row 17: where the server is gone for good, the receiver is in doubt after the deadline', async () => {
  let proxy: CommitProxy | undefined
  await losing(
    (caught) => {
      cutTheAnswer(caught)
      proxy?.close()
    },
    async (setting) => {
      proxy = setting.proxy
      await endsInDoubt(setting, /not within 500 ms: .*ECONNREFUSED/)
    },
    { deadlines: { resolve: 500 } },
  )
})

story('row 17: with deadlines.resolve 0 the server is not asked', async () => {
  await losing(cutTheAnswer, (setting) => endsInDoubt(setting, /deadlines\.resolve is 0/), {
    deadlines: { resolve: 0 },
  })
})

story('row 17: another server, which took its place, is not believed', async () => {
  const servers = await startServers({ count: 1, names: ['other'] })
  const other = servers[0] as Server
  try {
    // it gave the same id to a transaction of its own, and committed that
    await other.query(
      'DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$',
    )
    let proxy: CommitProxy | undefined
    await losing(
      (caught) => {
        proxy?.goTo(other)
        cutTheAnswer(caught)
      },
      async (setting) => {
        proxy = setting.proxy
        await endsInDoubt(setting, /another server now/)
      },
    )
  } finally {
    await servers.stop()
  }
})

story('row 17: an older copy of the server, which took its place, is not believed', async () => {
  // servers of one fleet are copies of one: the same cluster, the same timeline, the same next transaction id
  await second.query(
    'DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$',
  )
  await first.query('CREATE TABLE more AS SELECT i, md5(i::text) FROM generate_series(1, 100000) AS i')
  let proxy: CommitProxy | undefined
  await losing(
    (caught) => {
      proxy?.goTo(second)
      cutTheAnswer(caught)
    },
    async (setting) => {
      proxy = setting.proxy
      await endsInDoubt(setting, /another server now/)
    },
  )
})

story(
  'row 17: where the role may not read the identity of its server, the copy works, and a lost COMMIT is in doubt',
  async () => {
    await first.query(
      `REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
     CREATE ROLE lowly LOGIN; GRANT ALL ON t TO lowly`,
    )
    try {
      const as = (connection: CommitProxy['connection']) => ({ connection: { ...connection, user: 'lowly' } })
      await inTime(
        new CopyManager(fromTable(fleet.source, 't'), [intoTable(first, 't', as(first.connection))]).run(),
        'the copy',
      )
      await assertSame([fleet.source, first], 't')
      await first.query('TRUNCATE t')
      const proxy = await startCommitProxy(first, cutTheAnswer)
      try {
        const receivers = [intoTable(first, 't', as(proxy.connection))]
        await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers)
        const error = await inTime(failsWith(manager.run(), { cause: ReceiverFault }), 'the copy')
        assert.ok(inDoubt(/may not call pg_control_system/)(faultOf(error.cause, first.name)), error.message)
      } finally {
        await proxy.close()
      }
    } finally {
      await first.query(
        'DROP OWNED BY lowly; DROP ROLE lowly; GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC',
      )
    }
  },
)

story(
  'row 25: a COMMIT whose answer never comes is asked for when the copy is aborted, and is in the list',
  async () => {
    const controller = new AbortController()
    await losing(
      swallowTheAnswer,
      async ({ manager }) => {
        const running = failureOf(manager.run({ onFault: 'isolate' }))
        await until(
          () => manager.stats().receivers.every(({ state }) => /^committ/.test(state)),
          'all COMMITs are sent',
        )
        await until(async () => (await digestOf(first, 't')).rows === String(ROWS), 'the first is committed')
        controller.abort()
        const error = await inTime(running, 'the end of the copy')
        assert.ok(error instanceof CopyAborted, String(error))
        assert.deepEqual(error.committed, [first.name, second.name, third.name])
      },
      { signal: controller.signal, deadlines: { abort: 4000 } },
    )
    await assertSame(fleet.all, 't')
  },
)

story('row 25: close() waits for what became of a lost COMMIT no longer than deadlines.abort', async () => {
  let proxy: CommitProxy | undefined
  await losing(
    (caught) => {
      cutTheAnswer(caught)
      proxy?.close()
    },
    async (setting) => {
      const { manager } = setting
      proxy = setting.proxy
      const running = failureOf(manager.run({ onFault: 'isolate' }))
      await until(() => manager.stats().receivers[1]?.state === 'committed', 'the second is committed')
      const error = await inTime(failureOf(manager.close()), 'close()')
      assert.ok(error instanceof CopyAborted, String(error))
      assert.deepEqual(error.committed, [second.name, third.name])
      assert.ok((await running) instanceof CopyAborted)
      assertStates(manager, 'in-doubt', 'committed', 'committed')
      assert.ok(inDoubt(/the copy was aborted before/)(manager.outcomes[0]?.fault))
    },
    { deadlines: { abort: 500 } },
  )
  await assertRows([second, third], 't', ROWS)
})

/** Answers in the server's place that the statement was cancelled. The server waits for the next message. */
const cancelInstead = ({ client }: Caught): void => {
  client.write(Buffer.concat([errorResponse('57014', 'canceling statement due to user request'), ready('I')]))
}

/** As `losing`, with the first receiver on the one client of a pool, which goes by the proxy. */
const losingOnPool = async (
  atCommit: (caught: Caught, pool: pg.Pool) => void,
  use: (setting: Setting) => Promise<void>,
  options: CopyManagerOptions = {},
): Promise<void> => {
  const proxy = await startCommitProxy(first, (caught) => atCommit(caught, pool))
  const pool = new pg.Pool({ ...proxy.connection, application_name: 'copyman', max: 1 })
  try {
    const lost = new StatementReceiver({ client: pool, name: first.name, statement: 'COPY t FROM STDIN' })
    const receivers = [lost, intoTable(second, 't'), intoTable(third, 't')]
    await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers, options)
    await use({ manager, lost, proxy })
  } finally {
    await inTime(pool.end(), 'the pool ends')
    await proxy.close()
  }
}

for (const [what, atCommit, options] of [
  ['whose answer is cut off', cutTheAnswer, {}],
  ['that is not answered in time', swallowTheAnswer, { deadlines: { finish: 1000 } }],
] as const) {
  story(
    `row 17: a COMMIT ${what} on a pool's client is looked up by another client of the pool`,
    async () => {
      await losingOnPool(
        atCommit,
        async ({ manager }) => {
          await inTime(manager.run(), 'the copy')
          assertCommitted(manager, [1, 1, 1])
          assertNoted(manager)
        },
        options,
      )
      await assertSame(fleet.all, 't')
    },
  )
}

for (const [what, atCommit, code] of [
  ["that never left a pool's client", cutTheRequest, 'COPY_CONNECTION_LOST'],
  // the connection is not lost: what takes the place of the client in the pool is the client itself
  ["on a pool's client that ends with 57014", cancelInstead, 'COPY_SERVER'],
] as const) {
  story(`row 17: a COMMIT ${what} is rolled back, and its receiver is loaded from the start`, async () => {
    await losingOnPool(
      atCommit,
      async ({ manager, lost }) => {
        await loadsAgain({ manager, lost }, code)
      },
      { deadlines: { resolve: 5000 } },
    )
    await assertSame(fleet.all, 't')
  })
}

story(
  'row 17: a pool that gives no other client leaves the receiver in doubt after the deadline',
  async () => {
    let taken: Promise<pg.PoolClient> | undefined
    await losingOnPool(
      (caught, pool) => {
        // a user waits for the place of the client that is lost, and keeps it
        taken = pool.connect()
        cutTheAnswer(caught)
      },
      async (setting) => {
        await endsInDoubt(setting, /not within 500 ms: the pg\.Pool had no other client free/)
        const client = await inTime(taken as Promise<pg.PoolClient>, "the user's client")
        assert.deepEqual((await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
        client.release()
      },
      { deadlines: { resolve: 500 } },
    )
  },
)

story('row 17: another server that a pool connects to meanwhile is not believed', async () => {
  let proxy: CommitProxy | undefined
  await losingOnPool(
    (caught) => {
      proxy?.goTo(second)
      cutTheAnswer(caught)
    },
    async (setting) => {
      proxy = setting.proxy
      await endsInDoubt(setting, /another server now/)
    },
  )
})

// last: its server stays on another timeline
story('row 17: a standby that took over is not believed, though its cluster is the same', async () => {
  let proxy: CommitProxy | undefined
  await losing(
    (caught) => {
      proxy?.goTo(undefined)
      cutTheAnswer(caught)
    },
    async (setting) => {
      const { manager } = setting
      proxy = setting.proxy
      const ending = endsInDoubt(setting, /another server now/)
      ending.catch(() => undefined)
      await until(() => manager.stats().receivers[0]?.state === 'committing', 'COMMIT is sent')
      await until(async () => (await digestOf(first, 't')).rows === String(ROWS), 'it is committed')
      await first.query("COPY (SELECT 1) TO PROGRAM 'cat > standby.signal'")
      await first.stop()
      await first.start()
      await first.query('SELECT pg_promote()')
      proxy.goTo(first)
      await ending
    },
  )
})

story(
  'row 17: a copy with a COMMIT in doubt is not to be tried again, whatever the last fault was',
  async () => {
    const holders = await Promise.all([second, third].map((server) => server.client()))
    try {
      await Promise.all(holders.map((holder) => holder.query('SELECT pg_advisory_lock(1)')))
      const proxy = await startCommitProxy(first, cutTheAnswer)
      const after = ['SELECT pg_advisory_xact_lock(1)']
      const receivers = [
        intoTable(first, 't', { connection: proxy.connection }),
        intoTable(second, 't', { after }),
        intoTable(third, 't', { after }),
      ]
      await using manager = new CopyManager(fromTable(fleet.source, 't'), receivers, {
        atomicity: 'each',
        deadlines: { resolve: 0 },
      })
      const running = failureOf(manager.run({ onFault: 'isolate' }))
      await until(() => statesOf(manager)[0] === 'in-doubt', 'the first is in doubt')
      for (const server of [second, third]) {
        await server.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        )
      }
      const error = await inTime(running, 'the copy')
      assert.ok(error instanceof CopyFailed && error.cause instanceof ReceiverFault, String(error))
      assert.deepEqual([error.cause.retryable, error.retryable], [true, false])
      await proxy.close()
    } finally {
      await Promise.all(holders.map((holder) => holder.end()))
    }
  },
)
