import assert from 'node:assert/strict'
import { after } from 'node:test'
import { inspect } from 'node:util'
import { type Digest, digestOf } from '../../../scripts/demo/digest.js'
import type { Server } from '../../../scripts/postgres/server.js'
import {
  type CopyErrorCode,
  type CopyManager,
  type CopyManagerOptions,
  type CopyPhase,
  type Outcome,
  type Producer,
  type Receiver,
  StatementProducer,
  StatementReceiver,
} from '../../../src/index.js'
import { startFleet } from '../../support/fleet.js'
import { assertSecret, listenToOutput, processList } from '../../support/secrecy.js'
import { unmountSmallDisks } from '../../support/small-disk.js'
import type { Story } from '../../support/story.js'

/** Who takes part: all receivers, of whom the first ones are made to fault. */
export interface Cast {
  readonly of: number
  readonly faulted: number
}

/** A text in every connection of the matrix, which no output may show. */
export const CANARY = 'canary-3f9c-tweet'

/** Far less than a table: a copy whose loop stands still is in its middle. */
export const RING = { slots: 4, slotBytes: 32 * 1024 }

export const ROWS = 3000
/** Of the table that no socket's buffers hold. */
const WIDE_ROWS = 25_000

/** Where one receiver loads: a table of its own. */
export interface Place {
  readonly name: string
  readonly server: Server
  readonly table: string
  readonly connection: Server['connection']
}

/** One receiver with something wrong about it. */
export interface Staged {
  readonly receiver: Receiver
  /** Done once rows are on their way: the copy stands still meanwhile. */
  readonly act?: () => unknown
  /** Puts things back, also when the test failed. */
  readonly undo?: () => unknown
}

/** A producer with something wrong about it. */
interface StagedProducer extends Omit<Staged, 'receiver'> {
  readonly producer: Producer
}

/** One row of the matrix in which receivers fail, and the causes of the failure. */
export interface Row {
  readonly row: number
  readonly what: string
  readonly causes: readonly Cause[]
}

/** One row of the matrix in which the producer fails, and the causes of the failure. */
export interface SourceRow extends Pick<Row, 'row' | 'what'> {
  /** All receivers are in their COPY when it comes, and must leave it by CopyFail. */
  readonly isMidCopy?: boolean
  readonly causes: readonly {
    readonly what: string
    readonly stage: () => StagedProducer | Promise<StagedProducer>
    readonly expected: Pick<Expected, 'code' | 'sqlState' | 'phase' | 'message'>
  }[]
}

/** What must be reported of each faulted receiver. `rows`: what its table then holds. */
export interface Expected {
  readonly code?: CopyErrorCode
  readonly sqlState?: string
  readonly phase?: CopyPhase
  readonly message?: RegExp
  readonly retryable?: boolean
  readonly state?: Outcome['state']
  readonly rows?: 0 | 'all'
}

/** One way to come to a row of the matrix. */
export interface Cause {
  readonly what: string
  readonly stage: (place: Place) => Staged | Promise<Staged>
  readonly expected: Expected
  readonly options?: CopyManagerOptions
  /** A table that no socket's buffers hold. */
  readonly isWide?: boolean
  /** Gone after the fault: a receiver that is taken back from the start comes through. */
  readonly heals?: boolean
  /** Makes all receivers of its server fail, or changes the deadlines of the whole copy: cannot be mixed with other causes. */
  readonly isAlone?: boolean
  /** Why it cannot be brought about on this machine. */
  readonly unless?: string | undefined
  /** Run again under `abort`: no receiver has rows then. */
  readonly alsoAborting?: boolean
  /** Before the copy is opened. */
  readonly begin?: (manager: CopyManager) => unknown
  /** More to be seen to, on the copy that is over. */
  readonly assert?: (manager: CopyManager, cast: Cast) => unknown
}

/** The servers of one file of the matrix: the source, one server for well receivers and one for faulted ones. */
export const startStage = async () => {
  const fleet = await startFleet(2, { password: CANARY })
  after(unmountSmallDisks)
  const output = listenToOutput()
  const [good, bad] = fleet.targets as [Server, Server]
  await fleet.source.query(`
    CREATE TABLE t (i int, s text);
    CREATE TABLE wide (i int, s text);
    INSERT INTO t SELECT i, CASE i WHEN 777 THEN NULL WHEN 500 THEN 'twice' WHEN 600 THEN 'twice'
      ELSE i || repeat(md5(i::text), 1 + i % 40) END FROM generate_series(1, ${ROWS}) AS i;
    INSERT INTO wide SELECT i, repeat(md5(i::text), 1 + i % 60) FROM generate_series(1, ${WIDE_ROWS}) AS i`)
  const secret = `PASSWORD '${CANARY}'`
  await fleet.everywhere(
    `CREATE ROLE busy LOGIN CONNECTION LIMIT 0 ${secret}; CREATE ROLE reader LOGIN ${secret}; CREATE ROLE guest ${secret}`,
  )
  const sources: Record<string, Digest> = {
    t: await digestOf(fleet.source, 't'),
    wide: await digestOf(fleet.source, 'wide'),
  }

  const places = ({ of, faulted }: Cast): Place[] =>
    Array.from({ length: of }, (_, i) => {
      const server = i < faulted ? bad : good
      return {
        name: `receiver ${i + 1}`,
        server,
        table: `t${i + 1}`,
        connection: { ...server.connection, password: CANARY },
      }
    })

  const renew = async (all: readonly Place[]): Promise<void> => {
    for (const server of [good, bad]) {
      const tables = all.filter((place) => place.server === server).map(({ table }) => table)
      await server.query(
        tables
          .map((table) => `DROP TABLE IF EXISTS ${table} CASCADE; CREATE TABLE ${table} (i int, s text)`)
          .join(';'),
      )
    }
  }

  const fromTable = (table: string, connection = fleet.source.connection): StatementProducer =>
    new StatementProducer({
      connection: { ...connection, password: CANARY },
      statement: `COPY ${table} TO STDOUT`,
    })

  const assertLoaded = async (place: Place, table: string): Promise<void> =>
    assert.deepEqual(
      await digestOf(place.server, place.table),
      sources[table],
      `${place.name} is not the source`,
    )

  const assertEmpty = async (place: Place): Promise<void> =>
    assert.equal((await digestOf(place.server, place.table)).rows, '0', `${place.name} has rows`)

  /** What must be true after every fault. */
  const assertLetGo = async (
    s: Pick<Story, 'assertNothingLeft'>,
    shown: readonly unknown[],
  ): Promise<void> => {
    await s.assertNothingLeft()
    for (const what of shown)
      assert.ok(!inspect(what, { depth: 20, showHidden: true }).includes(CANARY), 'a password is shown')
    assertSecret([CANARY], processList(), 'the process list')
  }

  /** What a server has said since of COPYs that ended: by CopyFail, or with their connection. */
  const copiesEnded = async (server: Server, mark: number): Promise<{ failed: number; lost: string[] }> => {
    const log = (await server.log()).slice(mark)
    return {
      failed: log.match(/COPY from stdin failed/g)?.length ?? 0,
      lost: log.match(/.*(with an open transaction|could not receive data).*/g) ?? [],
    }
  }

  /** Once, after all copies: what this process and the servers wrote. */
  const assertSecretsKept = async (): Promise<void> => {
    assertSecret([CANARY], output.stop(), 'the output')
    for (const server of fleet.all) assertSecret([CANARY], await server.log(), `the log of ${server.name}`)
  }

  const assertFault = (
    outcome: Outcome,
    { code, sqlState, phase, message, retryable, state = 'dropped' }: Expected,
  ): void => {
    const { fault } = outcome
    const told = `${outcome.name}: ${outcome.state}: ${inspect(fault)}`
    assert.equal(outcome.state, state, told)
    if (code !== undefined || state === 'committed') assert.equal(fault?.code, code, told)
    if (sqlState !== undefined) assert.equal(fault?.sqlState, sqlState, told)
    if (phase !== undefined) assert.equal(fault?.phase, phase, told)
    if (message !== undefined) assert.match(fault?.message ?? '', message)
    if (retryable !== undefined) assert.equal(fault?.retryable, retryable, told)
  }

  return {
    fleet,
    good,
    bad,
    places,
    renew,
    fromTable,
    assertLoaded,
    assertEmpty,
    assertLetGo,
    assertFault,
    assertSecretsKept,
    copiesEnded,
  }
}

export type Stage = Awaited<ReturnType<typeof startStage>>

/** A receiver of a place. */
export const into = (
  place: Place,
  more: Partial<Extract<ConstructorParameters<typeof StatementReceiver>[0], { connection: unknown }>> = {},
): StatementReceiver =>
  new StatementReceiver({
    connection: place.connection,
    name: place.name,
    statement: `COPY ${place.table} FROM STDIN`,
    ...more,
  })
