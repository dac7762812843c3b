import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { after } from 'node:test'
import { freePort } from '../../scripts/postgres/port.js'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  CopyAborted,
  CopyFailed,
  CopyManager,
  type OnFault,
  type Receiver,
  StatementProducer,
  StatementReceiver,
  WorkerPool,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { assertNoMore, type Counts, footprint, heapInUse, listenersOn } from '../support/footprint.js'
import { intoTable, iterate, once, story } from '../support/story.js'

const ROWS = 2000
/** Copies at the same time. */
const LANES = 4
const WARM_UP = 20
/** Two hundred in all. Threads of its own are most of what a small copy costs. */
const COPIES = { own: 40, shared: 160 }
/** Clean runs grow by less than 450 KB in all, as code is compiled; managers that are held on to take 28 to 57 KB each. */
const HEAP_BYTES = 512 * 1024
const HEAP_BYTES_PER_COPY = 8 * 1024
/** What each thread of a pool that is open may hold; see footprint. */
const OF_A_THREAD: Counts = {
  threads: 1,
  'file anon_inode:[eventpoll]': 1,
  'file anon_inode:[eventfd]': 1,
  'file pipe:[]': 2,
  'file /dev/null': 1,
}
const RING = { slots: 3, slotBytes: 16 * 1024 }
const DEADLINES = { connect: 60_000 }
const FIXTURE = new URL('../fixtures/receivers.js', import.meta.url)

const fleet = await startFleet(2)
const [first, second] = fleet.targets as [Server, Server]
const closedPort = await freePort(new Set())
const clients = await Promise.all(Array.from({ length: LANES }, () => second.client()))
after(() => Promise.all(clients.map((client) => client.end())))
const warnings: Error[] = []
process.on('warning', (warning) => warnings.push(warning))

await fleet.source.query(
  `CREATE TABLE t (i int, s text); INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, ${ROWS}) AS i`,
)
for (const target of fleet.targets)
  await target.query(
    `CREATE TABLE loaded (copy int, i int, s text, PRIMARY KEY (copy, i));
     CREATE TABLE fatal (LIKE loaded);
     CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
     CREATE TRIGGER die BEFORE INSERT ON fatal FOR EACH ROW WHEN (NEW.i = ${ROWS / 2}) EXECUTE FUNCTION die()`,
  )

/** One of the copies: its number, which its rows bear, and the user's client of its lane. */
interface Turn {
  readonly n: number
  readonly client: (typeof clients)[number]
}

const duplicate = ({ n }: Turn): string => `INSERT INTO loaded VALUES (${n}, ${ROWS / 2}, '')`
const onClient = ({ client }: Turn, before: readonly string[] = []): Receiver =>
  new StatementReceiver({ client, statement: 'COPY loaded FROM STDIN', before })

/** Receivers of which each fails in its own way, and what its fault says. */
const FAULTS: readonly [says: RegExp, make: (turn: Turn) => Receiver][] = [
  [/"missing" does not exist/, () => intoTable(second, 'missing')],
  [/duplicate key/, (turn) => intoTable(second, 'loaded', { before: [duplicate(turn)] })],
  [/duplicate key/, (turn) => onClient(turn, [duplicate(turn)])],
  [/terminating connection|lost the connection/, () => intoTable(second, 'fatal')],
  [
    /ECONNREFUSED/,
    () => intoTable(second, 'loaded', { connection: { ...second.connection, port: closedPort } }),
  ],
  [/thrown here/, () => new CallReceiver(throwsAtThird())],
  [/not today/, () => new CallReceiver(FIXTURE, { exportName: 'throws' })],
  [/worker thread ended/, () => new CallReceiver(FIXTURE, { exportName: 'exits' })],
]

const throwsAtThird = (): (() => void) => {
  let calls = 0
  return () => {
    calls += 1
    if (calls === 3) throw new Error('thrown here')
  }
}

const sourceOf = (n: number, divisor = 'i', table = 't'): StatementProducer =>
  new StatementProducer({
    connection: fleet.source.connection,
    statement: `COPY (SELECT ${n}, i / ${divisor} * i, s FROM ${table} ORDER BY ctid) TO STDOUT`,
  })

/** Copies, some at a time, with what they share. */
class Series {
  readonly #pool: WorkerPool | undefined
  readonly #controller = new AbortController()
  readonly #loaded: readonly Set<number>[] = [new Set(), new Set()]

  constructor(pool: WorkerPool | undefined) {
    this.#pool = pool
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Every second copy has a fault, another one each time; the last four are aborted by the signal that all share. */
  async run(from: number, copies: number): Promise<void> {
    const past = from + copies
    let n = from
    const lane = async (i: number): Promise<void> => {
      while (n < past - LANES) {
        const turn = { n: n++, client: clients[i] as Turn['client'] }
        await turn.client.query('BEGIN')
        await (turn.n % 2 === 0 ? this.#clean(turn) : this.#faulted(turn, (turn.n - 1) / 2))
        await turn.client.query('COMMIT')
      }
    }
    await Promise.all(clients.map((_, i) => lane(i)))
    assert.equal(getEventListeners(this.signal, 'abort').length, 0, 'listeners on the signal that all share')
    await this.#abortAll(past - LANES)
    assert.equal(getEventListeners(this.signal, 'abort').length, 0, 'listeners on the signal that fired')
  }

  /** By the servers' own count and hash: exactly the copies that ended well are there, each with all of its rows. */
  async assertLoaded(from: number): Promise<void> {
    const digest = `count(*)::int AS rows, sum(hashtextextended(i || s, 0)::numeric)::text AS hash`
    const [whole] = await fleet.source.query<{ rows: number; hash: string }>(`SELECT ${digest} FROM t`)
    for (const [i, target] of fleet.targets.entries()) {
      const found = await target.query(
        `SELECT copy, ${digest} FROM loaded WHERE copy >= ${from} GROUP BY copy ORDER BY copy`,
      )
      const expected = [...(this.#loaded[i] as Set<number>)].sort((a, b) => a - b)
      assert.deepEqual(
        found,
        expected.map((copy) => ({ copy, ...whole })),
      )
    }
  }

  #manager(producer: StatementProducer, receivers: readonly Receiver[]): CopyManager {
    return new CopyManager(producer, receivers, {
      ring: RING,
      deadlines: DEADLINES,
      signal: this.signal,
      ...(this.#pool && { pool: this.#pool }),
    })
  }

  async #clean(turn: Turn): Promise<void> {
    const other = turn.n % 4 === 0 ? onClient(turn) : intoTable(second, 'loaded')
    const { receivers } = await this.#manager(sourceOf(turn.n), [intoTable(first, 'loaded'), other]).run()
    const done = other.name === undefined ? 'completed' : 'committed'
    assert.deepEqual(
      receivers.map(({ state, rows }) => [state, rows]),
      [
        ['committed', ROWS],
        [done, ROWS],
      ],
    )
    for (const loaded of this.#loaded) loaded.add(turn.n)
  }

  /** The other receiver is healthy: under `isolate` it is complete, under `abort` it has nothing. */
  async #faulted(turn: Turn, k: number): Promise<void> {
    const onFault: OnFault = k % 2 === 0 ? 'isolate' : 'abort'
    const fault = FAULTS[(Math.floor(k / 2) % (FAULTS.length + 1)) - 1]
    if (fault === undefined) return this.#failing(turn, onFault)
    const [says, make] = fault
    const running = this.#manager(sourceOf(turn.n), [intoTable(first, 'loaded'), make(turn)]).run({ onFault })
    if (onFault === 'abort') {
      await assert.rejects(
        running,
        (error: Error) => error instanceof CopyFailed && says.test(error.message),
        `copy ${turn.n}: ${says}`,
      )
    } else {
      const [healthy, faulted] = (await running).receivers
      assert.equal(healthy?.state, 'committed')
      assert.equal(faulted?.state, 'dropped')
      assert.match(faulted?.fault?.message ?? '', says)
      this.#loaded[0]?.add(turn.n)
    }
    // a fault on the user's client has failed the user's transaction
    await turn.client.query('ROLLBACK; BEGIN')
  }

  /** The source itself fails, while the receivers' threads are starting or in mid-copy: no receiver has rows. */
  async #failing({ n }: Turn, onFault: OnFault): Promise<void> {
    const early = onFault === 'isolate'
    const source = early ? sourceOf(n, 'i', 'missing') : sourceOf(n, `(i - ${ROWS / 2})`)
    const says = early ? /"missing" does not exist/ : /division by zero/
    const manager = this.#manager(source, [intoTable(first, 'loaded'), intoTable(second, 'loaded')])
    await assert.rejects(
      manager.run({ onFault }),
      (error: Error) => error instanceof CopyFailed && says.test(error.message),
    )
  }

  async #abortAll(from: number): Promise<void> {
    let moving = 0
    const reason = new Error('enough')
    const abortings = clients.map(async (client, i) => {
      await client.query('BEGIN')
      const receivers = [intoTable(first, 'loaded'), onClient({ n: from + i, client })]
      // all of them are held in mid-copy by their own loops until the last has come as far
      const cycle = once(() => {
        moving += 1
        if (moving === LANES) this.#controller.abort(reason)
        return new Promise<void>((resolve) => {
          if (this.signal.aborted) resolve()
          else this.signal.addEventListener('abort', () => resolve(), { once: true })
        })
      })
      await assert.rejects(
        iterate(this.#manager(sourceOf(from + i), receivers), { cycle }),
        (error: unknown) => error instanceof CopyAborted && error.cause === reason,
      )
      await client.query('ROLLBACK')
    })
    await Promise.all(abortings)
  }
}

const withThreads = (counts: Counts, threads: number): Counts => {
  const more = Object.entries(OF_A_THREAD).map(([name, each]) => [name, (counts[name] ?? 0) + threads * each])
  return { ...counts, ...Object.fromEntries(more) }
}

for (const pools of ['own', 'shared'] as const) {
  const copies = COPIES[pools]
  const how = pools === 'own' ? 'each with a pool of its own' : 'all on one shared pool'
  story(`${copies} copies, half of them faulted, ${how}, leave no resource open`, async () => {
    const base = pools === 'own' ? 0 : 1000
    const threads = 2 * LANES
    const withPool = async (use: (pool: WorkerPool | undefined) => Promise<void>): Promise<void> => {
      if (pools === 'own') return use(undefined)
      const pool = new WorkerPool({ threads, idleMs: 120_000 })
      await use(pool).finally(() => pool.close())
    }
    const clientListeners = (): Record<string, number> =>
      Object.fromEntries(
        clients.flatMap((client, i) =>
          [client, client.connection, client.connection.stream].flatMap((emitter) =>
            Object.entries(listenersOn(emitter, `client ${i} ${emitter.constructor.name} `)),
          ),
        ),
      )
    const onClients = clientListeners()
    // what a process opens once and keeps, e.g. the threads of the name lookup, is there when the first have run
    await withPool((pool) => new Series(pool).run(base, WARM_UP))
    const before = footprint()
    const heap = await heapInUse()
    await withPool(async (pool) => {
      const series = new Series(pool)
      await series.run(base + WARM_UP, copies)
      await assertNoMore(pool ? withThreads(before, threads) : before, footprint)
      await series.assertLoaded(base + WARM_UP)
    })
    await assertNoMore(before, footprint)
    await assertNoMore(onClients, clientListeners)
    const growth = (await heapInUse()) - heap
    assert.ok(growth < HEAP_BYTES + copies * HEAP_BYTES_PER_COPY, `the heap grew by ${growth} bytes`)
    assert.deepEqual(warnings, [])
  })
}
