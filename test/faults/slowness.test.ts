import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyAborted,
  CopyError,
  CopyManager,
  IteratorProducer,
  type Slowness,
  StatementProducer,
  StatementReceiver,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  assertStates,
  copyBackend,
  faultOf,
  fromTable,
  goOn,
  inTime,
  intoTable,
  iterate,
  once,
  story,
  until,
} from '../support/story.js'
import { type Switchboard, startSwitchboard } from '../support/switchboard.js'

const fleet = await startFleet(2)
const [first, second] = fleet.targets as [Server, Server]
const RING = { slots: 4, slotBytes: 32 * 1024 }
const SLOW_MS = 300

await fleet.everywhere('CREATE TABLE t (i int, s text); CREATE TABLE wide (i int, s text)')
await fleet.source.query('INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 1000) AS i')
await fleet.source.query(
  `INSERT INTO wide SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 25000) AS i`,
)
beforeEach(() => fleet.onTargets('TRUNCATE t, wide'))

type Told = Slowness & { readonly who: string | undefined }

/** The `slow` events of a manager from now on; a busy machine adds ends that are merely slow. */
const listen = (manager: CopyManager): Told[] => {
  const told: Told[] = []
  manager.on('slow', (slowness, who) => told.push({ ...slowness, who }))
  return told
}

/** Holds a lock on a table that keeps every COPY waiting; gives its backend's process id. */
const lock = async (server: Server, table: string) => {
  const holder = await server.client()
  const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  await holder.query(`BEGIN; LOCK TABLE ${table}`)
  return { pid: rows[0]?.pid as number, release: () => holder.end() }
}

story(
  'row 22: a source and a target that wait for a lock are reported as slow, with the session that blocks them, and complete',
  async () => {
    const locks = [await lock(fleet.source, 't'), await lock(first, 't')] as const
    const manager = new CopyManager(
      fromTable(fleet.source, 't'),
      [intoTable(first, 't'), intoTable(second, 't')],
      {
        deadlines: { slow: SLOW_MS },
      },
    )
    const told = listen(manager)
    const of = (who: string | undefined) =>
      told.filter((one) => one.who === who && one.backend?.waitEventType === 'Lock')
    const running = manager.run()
    running.catch(() => undefined)
    try {
      await until(() => of(undefined).length >= 2 && of(first.name).length >= 2, 'both are told of twice')
      for (const [i, who] of [undefined, first.name].entries()) {
        for (const { phase, backend, unasked } of of(who)) {
          assert.equal(unasked, undefined)
          assert.equal(phase, 'start')
          const { processId, ...rest } = backend ?? {}
          assert.ok(processId)
          assert.deepEqual(rest, {
            state: 'active',
            waitEventType: 'Lock',
            waitEvent: 'relation',
            blockedBy: [locks[i as 0 | 1].pid],
          })
        }
        // not at every look: first after the time, then after twice that
        const seconds = of(who).map((one) => one.seconds * 1000)
        assert.ok((seconds[0] as number) >= SLOW_MS && (seconds[1] as number) >= 2 * SLOW_MS, String(seconds))
      }
    } finally {
      await Promise.all(locks.map(({ release }) => release()))
    }
    await inTime(running, 'the copy')
    assert.deepEqual(of(second.name), [])
    await assertSame(fleet.all, 't')
  },
)

story(
  'row 22: only a stopped backend is reported as slow; it is no fault, and completes when it runs again',
  async () => {
    const manager = new CopyManager(
      fromTable(fleet.source, 'wide'),
      [intoTable(first, 'wide'), intoTable(second, 'wide')],
      { ring: RING, deadlines: { slow: SLOW_MS } },
    )
    const told = listen(manager)
    const inCopy = () => told.filter(({ phase }) => phase === 'copy')
    let stopped = 0
    const resume = async (): Promise<void> => {
      await until(() => inCopy().length >= 2, 'it is told of twice')
      goOn(stopped)
    }
    let resuming: Promise<void> | undefined
    try {
      const { faults } = await iterate(manager, {
        cycle: once(async () => {
          stopped = await copyBackend(first, 'wide')
          process.kill(stopped, 'SIGSTOP')
          resuming = resume()
        }),
      })
      await resuming
      assert.deepEqual(faults, [])
    } finally {
      if (stopped !== 0) goOn(stopped)
    }
    for (const { who, backend } of inCopy()) {
      assert.deepEqual([who, backend?.processId, backend?.state], [first.name, stopped, 'active'])
      assert.deepEqual(backend?.blockedBy, [])
    }
    assertStates(manager, 'committed', 'committed')
    await assertSame(fleet.all, 'wide')
  },
)

story(
  'a source that is silent is reported as slow with what its backend does, and is never a fault',
  async () => {
    // the server keeps rows, and that COPY has begun, back until there are 8 KiB of them
    const some = `SELECT i, repeat('x', 100) FROM generate_series(1, 1000) AS i`
    const statement = `COPY (${some} UNION ALL SELECT 1001, pg_sleep(1.5)::text) TO STDOUT`
    const manager = new CopyManager(
      new StatementProducer({ connection: fleet.source.connection, statement }),
      [intoTable(first, 't')],
      { deadlines: { slow: SLOW_MS, stall: SLOW_MS } },
    )
    const told = listen(manager)
    await manager.run()
    const inCopy = told.filter(({ phase }) => phase === 'copy')
    const [{ who, backend } = {} as Told] = inCopy
    assert.deepEqual(
      [who, backend?.state, backend?.waitEventType, backend?.waitEvent],
      [undefined, 'active', 'Timeout', 'PgSleep'],
    )
    assert.ok(
      inCopy.every((one) => one.who === undefined),
      'its receiver waits for nothing but data',
    )
    await assertRows([first], 't', 1001)
  },
)

story(
  'a silent iterable and a function that does not settle are reported as slow, without a backend to ask',
  async () => {
    let give: () => void = () => undefined
    const silence = new Promise<void>((resolve) => {
      give = resolve
    })
    let take: () => void = () => undefined
    const taking = new Promise<void>((resolve) => {
      take = resolve
    })
    const rows = async function* () {
      await silence
      yield ['1\tone\n']
    }
    const manager = new CopyManager(
      new IteratorProducer(rows),
      [new CallReceiver(() => taking, { name: 'function' })],
      { deadlines: { slow: SLOW_MS } },
    )
    const told = listen(manager)
    const running = manager.run()
    await until(() => told.length === 1, 'the silence is told')
    give()
    await until(() => told.some(({ who }) => who === 'function'), 'the function is told')
    take()
    await inTime(running, 'the copy')
    for (const { type, phase, seconds, who: _, ...rest } of told) {
      assert.deepEqual([type, phase], ['slow', 'copy'])
      assert.ok(seconds * 1000 >= SLOW_MS)
      assert.deepEqual(rest, {})
    }
  },
)

story("users' clients at both ends are reported as slow, and their servers are not asked", async () => {
  const locks = [await lock(fleet.source, 't'), await lock(first, 't')]
  const [from, to] = [await fleet.source.client(), await first.client()]
  try {
    await to.query('BEGIN')
    const manager = new CopyManager(
      new StatementProducer({ client: from, statement: 'COPY t TO STDOUT' }),
      [new StatementReceiver({ client: to, name: 'theirs', statement: 'COPY t FROM STDIN' })],
      { deadlines: { slow: SLOW_MS } },
    )
    const told = listen(manager)
    const running = manager.run()
    running.catch(() => undefined)
    await until(() => new Set(told.map(({ who }) => who)).size === 2, 'both are told of')
    for (const { phase, backend, unasked } of told)
      assert.deepEqual([phase, backend, unasked], ['start', undefined, undefined])
    for (const { release } of locks.splice(0)) await release()
    await inTime(running, 'the copy')
    await to.query('COMMIT')
    await assertSame([fleet.source, first], 't')
  } finally {
    for (const { release } of locks) await release()
    await Promise.all([from.end(), to.end()])
  }
})

/** The backend of a copy into a table, killed so that its client hears nothing of it. */
const killUnheard = async (server: Server, board: Switchboard, statement: string): Promise<void> => {
  board.freeze()
  const of = `FROM pg_stat_activity WHERE starts_with(query, '${statement}')`
  await until(async () => {
    await server.query(`SELECT pg_terminate_backend(pid) ${of}`)
    return (await server.query(`SELECT 1 ${of}`)).length === 0
  }, 'the backend is gone')
}

story(
  'a target whose backend is gone without a word is a fault at once, and the others complete',
  async () => {
    const board = await startSwitchboard(first)
    try {
      const manager = new CopyManager(
        fromTable(fleet.source, 'wide'),
        [intoTable(first, 'wide', { connection: board.connection }), intoTable(second, 'wide')],
        { ring: RING, deadlines: { slow: SLOW_MS } },
      )
      const told = listen(manager)
      const { faults } = await inTime(
        iterate(manager, {
          cycle: once(async () => {
            await copyBackend(first, 'wide')
            await killUnheard(first, board, 'COPY wide FROM')
          }),
        }),
        'the copy',
      )
      const fault = faultOf(faults[0], first.name)
      assert.deepEqual([fault.code, fault.phase], ['COPY_CONNECTION_LOST', 'copy'])
      assert.match(fault.message, /its backend is gone/)
      assert.deepEqual(
        told.filter(({ phase }) => phase === 'copy'),
        [],
      )
      assertStates(manager, 'dropped', 'committed')
    } finally {
      await board.close()
    }
    await assertSame([fleet.source, second], 'wide')
    await assertRows([first], 'wide', 0)
  },
)

story('a source whose backend is gone without a word is a fault at once', async () => {
  const board = await startSwitchboard(fleet.source)
  try {
    const manager = new CopyManager(
      new StatementProducer({
        connection: board.connection,
        statement: `COPY (SELECT 1, repeat('x', 100) FROM generate_series(1, 1000) UNION ALL SELECT 1, pg_sleep(60)::text) TO STDOUT`,
      }),
      [intoTable(first, 't')],
      { deadlines: { slow: SLOW_MS, abort: 500 } },
    )
    await manager.open()
    await killUnheard(fleet.source, board, 'COPY (SELECT 1')
    await inTime(
      assert.rejects(iterate(manager), (error: unknown) => {
        const fault = error instanceof CopyError ? ((error.cause as Error)?.cause as CopyError) : undefined
        assert.deepEqual([fault?.code, fault?.phase], ['COPY_CONNECTION_LOST', 'copy'], String(error))
        assert.match(fault?.message ?? '', /its backend is gone/)
        return true
      }),
      'the copy',
    )
  } finally {
    await board.close()
  }
  await assertRows([first], 't', 0)
})

/** Each way in which nothing can be learnt about the backend, and what is said of it. */
const UNASKED: Record<string, { route: 'silence' | 'other'; says: RegExp }> = {
  'the server takes no further connection': { route: 'silence', says: /not ready within 400 ms/ },
  'the question reaches another server': { route: 'other', says: /reached another server/ },
}

for (const [why, { route, says }] of Object.entries(UNASKED)) {
  story(`where ${why}, the event says so, and a target that waits is no fault`, async () => {
    const board = await startSwitchboard(first)
    const { release } = await lock(first, 't')
    try {
      const target = intoTable(first, 't', { connection: board.connection })
      const manager = new CopyManager(fromTable(fleet.source, 't'), [target], {
        deadlines: { slow: SLOW_MS, connect: 400 },
      })
      const told = listen(manager)
      const running = manager.run()
      running.catch(() => undefined)
      try {
        await until(() => board.made === 1, 'the target is connected')
        board.route(route === 'silence' ? route : second)
        await until(() => told.some(({ unasked }) => unasked !== undefined), 'it is told')
      } finally {
        await release()
      }
      await inTime(running, 'the copy')
      const { phase, backend, unasked } = told.find((one) => one.unasked !== undefined) as Told
      assert.deepEqual([phase, backend], ['start', undefined])
      assert.match(unasked ?? '', says)
      await assertSame([fleet.source, first], 't')
    } finally {
      await board.close()
    }
  })
}

for (const end of ['target', 'source'] as const) {
  story(`a question about a ${end} that is under way when the copy is closed is cancelled`, async () => {
    const server = end === 'target' ? first : fleet.source
    const board = await startSwitchboard(server)
    const { release } = await lock(server, 't')
    try {
      const { connection } = board
      const manager = new CopyManager(
        end === 'source' ? fromTable({ connection } as Server, 't') : fromTable(fleet.source, 't'),
        [intoTable(first, 't', end === 'target' ? { connection } : {})],
        { deadlines: { slow: SLOW_MS, connect: 60_000 } },
      )
      const opening = assert.rejects(manager.open(), CopyAborted)
      await until(() => board.made === 1, 'it is connected')
      board.route('silence')
      await until(() => board.silenced === 1, 'the question is under way')
      // for the cancel request
      board.route(server)
      await inTime(assert.rejects(manager.close(), CopyAborted), 'close()')
      await opening
      await until(() => board.open === 0, 'nothing of it is left')
    } finally {
      await release()
      await board.close()
    }
  })
}

story('with slow: 0 nothing is reported', async () => {
  const { release } = await lock(first, 't')
  const manager = new CopyManager(fromTable(fleet.source, 't'), [intoTable(first, 't')], {
    deadlines: { slow: 0, start: 1500 },
  })
  const told = listen(manager)
  try {
    const { faults } = await iterate(manager).catch((error: CopyError) => ({
      faults: [error.cause as never],
    }))
    assert.equal(faultOf(faults[0], first.name).code, 'COPY_TIMEOUT')
  } finally {
    await release()
  }
  assert.deepEqual(told, [])
})
