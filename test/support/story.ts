import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Digest, digestOf } from '../../scripts/demo/digest.js'
import type { Server } from '../../scripts/postgres/server.js'
import {
  type CopyError,
  CopyFailed,
  type CopyManager,
  type Cycle,
  type ProducerFault,
  type Receiver,
  ReceiverFault,
  type ReceiverState,
  StatementProducer,
  StatementReceiver,
  type StatementReceiverOptions,
} from '../../src/index.js'
import { bounded, until } from './bound.js'
import { assertNoConnections } from './fleet.js'
import { countRemains } from './remains.js'

export { BOUND_MS, bounded, inTime, until } from './bound.js'

/** Far less than a table of the tests: a copy whose loop or receiver stands still is in its middle. */
export const RING = { slots: 4, slotBytes: 64 * 1024 }

/** What a story has for its own time. */
export interface Story {
  readonly t: TestContext
  /** Aborts when several steps have had their time, and when the story fails: no copy with this signal outlives its story. */
  readonly signal: AbortSignal
  /** A temporary folder, removed at the end of the story. */
  folder(): Promise<string>
  /** Runs at the end of the story, also when the story fails; the last one first. */
  defer(undo: () => unknown): void
  /** Fails unless nothing is left now: for a story that goes through several copies. */
  assertNothingLeft(): Promise<void>
}

type Body = (s: Story) => unknown

const ends: (() => unknown)[] = []

/** Runs after the body of each story of this file, before the proof: closes what helpers have opened. */
export const atStoryEnd = (end: () => unknown): void => void ends.push(end)

interface StoryOptions {
  readonly skip?: boolean | string | undefined
  readonly timeout?: number
}

/**
 * A test that proves, also when it fails, that nothing is left: no backend of copyman on any server of the file's fleet,
 * no thread, timer, socket or temporary folder more than before. Of several errors the body's comes first.
 */
export const story = (name: string, ...rest: [Body] | [StoryOptions, Body]): void => {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest
  // a skip that is undefined would skip
  void test(name, { ...options, skip: options.skip ?? false }, async (t) => {
    const remains = countRemains()
    const failed = new AbortController()
    const undoing: (() => unknown)[] = []
    const assertNothingLeft = async (): Promise<void> => {
      await assertNoConnections()
      await remains.assertNoneLeft()
    }
    const s: Story = {
      t,
      signal: AbortSignal.any([failed.signal, bounded()]),
      async folder() {
        const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
        s.defer(() => rm(folder, { recursive: true }))
        return folder
      },
      defer: (undo) => void undoing.push(undo),
      assertNothingLeft,
    }
    const errors: unknown[] = []
    const attempt = async (step: () => unknown): Promise<void> => {
      try {
        await step()
      } catch (error) {
        errors.push(error)
        failed.abort(error)
      }
    }
    await attempt(() => body(s))
    for (const undo of [...undoing.reverse(), ...ends]) await attempt(undo)
    await attempt(assertNothingLeft)
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, errors.map(textOf).join('\n'))
  })
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The state of each receiver, in their order. */
export const statesOf = ({ outcomes }: Pick<CopyManager, 'outcomes'>): ReceiverState[] =>
  outcomes.map(({ state }) => state)

/** Fails unless these are the states of the receivers, in their order. */
export const assertStates = (
  manager: Pick<CopyManager, 'outcomes'>,
  ...states: readonly ReceiverState[]
): void => assert.deepEqual(statesOf(manager), states)

type Cause = typeof ReceiverFault | typeof ProducerFault
type CauseOf<C> = C extends typeof ReceiverFault ? ReceiverFault<Receiver> : ProducerFault

/**
 * Fails unless the work fails with CopyFailed, whose cause is of this class and has, or holds the fault of a receiver
 * that has, this code.
 * @returns the error
 */
export const failsWith = async <C extends Cause>(
  work: Promise<unknown>,
  expected: { readonly cause?: C; readonly code?: string } = {},
): Promise<CopyFailed & { readonly cause: CauseOf<C> }> => {
  const error = await failureOf(work)
  assert.ok(error instanceof CopyFailed, String(error))
  const { cause } = error
  if (expected.cause !== undefined) assert.ok(cause instanceof expected.cause, String(cause))
  if (expected.code !== undefined) {
    const faults = cause instanceof ReceiverFault ? [...cause.faults.values()] : [cause as CopyError]
    const codes = faults.map(({ code }) => code as string)
    assert.ok(codes.includes(expected.code), codes.join(', '))
  }
  return error as CopyFailed & { readonly cause: CauseOf<C> }
}

/** What the work fails with; fails if the work succeeds. */
export const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => assert.fail('the work succeeded'),
    (error: unknown) => error,
  )

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
