import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Digest, digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import {
  type CopyError,
  type CopyManager,
  type Cycle,
  type Receiver,
  ReceiverFault,
  StatementProducer,
  StatementReceiver,
  type StatementReceiverOptions,
} from '../../src/index.js'

const BOUND_MS = 10_000

/** What a whole iteration yielded: the sums of each pass, from pass 1, and the faults it threw. */
export interface Iteration {
  readonly sums: readonly { readonly messages: number; readonly bytes: number }[]
  readonly faults: readonly ReceiverFault<Receiver>[]
}

/** Iterates to the end as a caller would: into the same loop again after each ReceiverFault. */
export const iterate = async (
  manager: CopyManager,
  on: {
    readonly cycle?: (cycle: Cycle) => unknown
    readonly fault?: (fault: ReceiverFault<Receiver>) => unknown
  } = {},
): Promise<Iteration> => {
  const sums: { messages: number; bytes: number }[] = []
  const faults: ReceiverFault<Receiver>[] = []
  for (;;) {
    try {
      for await (const cycle of manager) {
        sums[cycle.pass - 1] ??= { messages: 0, bytes: 0 }
        const sum = sums[cycle.pass - 1] as { messages: number; bytes: number }
        sum.messages += cycle.messages
        sum.bytes += cycle.bytes
        await on.cycle?.(cycle)
      }
      return { sums, faults }
    } catch (error) {
      if (!(error instanceof ReceiverFault)) throw error
      faults.push(error)
      try {
        await on.fault?.(error)
      } catch (failure) {
        // a copy that stands still would keep the test's process for ever
        await manager[Symbol.asyncDispose]()
        throw failure
      }
    }
  }
}

/** Calls `act` once, at the first call of what this returns. */
export const once = (act: () => unknown): (() => Promise<void>) => {
  let done = false
  return async () => {
    if (done) return
    done = true
    await act()
  }
}

/** The only error in a ReceiverFault, which must be this receiver's. */
export const faultOf = (fault: ReceiverFault<Receiver> | undefined, name: string): CopyError => {
  assert.ok(fault instanceof ReceiverFault)
  assert.equal(fault.faults.size, 1, fault.message)
  const [error] = fault.faults.values()
  assert.equal(error?.receiver, name)
  return error as CopyError
}

export const fromTable = (server: Server, table: string): StatementProducer =>
  new StatementProducer({ connection: server.connection, statement: `COPY ${table} TO STDOUT` })

export const intoTable = (
  server: Server,
  table: string,
  more: Partial<Extract<StatementReceiverOptions, { connection: unknown }>> = {},
): StatementReceiver =>
  new StatementReceiver({
    connection: server.connection,
    name: server.name,
    statement: `COPY ${table} FROM STDIN`,
    ...more,
  })

/** Process id of the one backend on this server that runs a COPY of the table, as soon as it does. */
export const copyBackend = async (server: Server, table: string): Promise<number> => {
  let found: { pid: number }[] = []
  await until(async () => {
    found = await server.query('SELECT pid FROM pg_stat_activity WHERE starts_with(query, $1)', [
      `COPY ${table} `,
    ])
    return found.length > 0
  }, `${server.name} copies ${table}`)
  assert.equal(found.length, 1, `${server.name} has ${found.length} backends that copy ${table}`)
  return found[0]?.pid as number
}

/** Ends the backend that runs a COPY of the table, as an administrator or a crash would. */
export const terminateCopy = async (server: Server, table: string): Promise<void> => {
  await server.query('SELECT pg_terminate_backend($1)', [await copyBackend(server, table)])
}

/** Fails unless the table is the same on all these servers, by their own count and hash. Gives what they said. */
export const assertSame = async (servers: readonly Server[], table: string): Promise<Digest> => {
  const digests = await Promise.all(servers.map((server) => digestOf(server, table)))
  for (const [i, digest] of digests.entries())
    assert.deepEqual(digest, digests[0], `${table}: ${servers[i]?.name} differs from ${servers[0]?.name}`)
  return digests[0] as Digest
}

export const assertRows = async (servers: readonly Server[], table: string, rows: number): Promise<void> => {
  for (const server of servers)
    assert.equal((await digestOf(server, table)).rows, String(rows), `${server.name} ${table}`)
}

/** What the server writes to its log from now on. */
export const logFromNow = async (server: Server): Promise<() => Promise<string>> => {
  const mark = (await server.log()).length
  return async () => (await server.log()).slice(mark)
}

/** Waits for something to become true; fails after ten seconds. */
export const until = async (isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const bound = performance.now() + BOUND_MS
  while (!(await isTrue())) {
    if (performance.now() > bound) assert.fail(`${what}: not within ${BOUND_MS} ms`)
    await sleep(5)
  }
}

/** What this comes to; fails when it comes to nothing within ten seconds, or the bound given. */
export const inTime = async <T>(work: Promise<T>, what: string, boundMs = BOUND_MS): Promise<T> => {
  const settled = new AbortController()
  const late = sleep(boundMs, undefined, { signal: settled.signal }).then(
    () => assert.fail(`${what}: not within ${boundMs} ms`),
    () => undefined as never,
  )
  try {
    return await Promise.race([work, late])
  } finally {
    settled.abort()
  }
}

/** Waits until the copy stands still: everybody has gone as far as the ring allows. Gives the bytes published. */
export const standstill = async (manager: CopyManager): Promise<number> => {
  let before = -1
  for (let now = manager.stats().bytes; now !== before; now = manager.stats().bytes) {
    before = now
    await sleep(250)
  }
  return before
}

/** Lets a backend go on that was stopped, if it is still there. */
export const goOn = (pid: number): void => {
  try {
    process.kill(pid, 'SIGCONT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
