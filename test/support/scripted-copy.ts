import assert from 'node:assert/strict'
import {
  CopyFailed,
  CopyManager,
  type CopyManagerOptions,
  type CopyResult,
  type Outcome,
  ProducerFault,
  type RingOptions,
  StatementProducer,
  StatementReceiver,
  type StatementReceiverOptions,
  type WorkerPool,
} from '../../src/index.js'
import type { ServerEvent } from '../../src/shared/session/server-events.js'
import { type CopyFormat, optionsOf, tableOf } from './copied-rows.js'
import { type Load, ScriptedServer, type ScriptedServerOptions } from './scripted-server.js'

/** The limit of time for a copy between scripted servers, also on a loaded machine. */
const HANG_MS = 60_000

export interface ScriptedCopy {
  readonly pool: WorkerPool
  /** Default: text. */
  readonly format?: CopyFormat
  /** Rows of the source's table. Default: 20. */
  readonly rows?: number
  readonly source?: ScriptedServerOptions
  /** The first target's. */
  readonly target?: ScriptedServerOptions
  /** The second target's. */
  readonly other?: ScriptedServerOptions
  readonly receivers?: Pick<StatementReceiverOptions, 'rowCount'>
  readonly ring?: RingOptions
  readonly deadlines?: NonNullable<CopyManagerOptions['deadlines']>
  /** Default: isolate. */
  readonly onFault?: 'abort' | 'isolate'
}

/** The result of one copy between scripted servers, after all connections are closed. */
export interface ScriptedOutcome {
  readonly result: CopyResult | undefined
  readonly error: unknown
  /** The outcome of each target, also when the copy failed. */
  readonly outcomes: readonly Outcome[]
  readonly notices: readonly ServerEvent[]
  readonly source: ScriptedServer
  readonly targets: readonly [ScriptedServer, ScriptedServer]
  /** The content of the source's table. */
  readonly whole: Buffer
}

/** One copy to two targets. Fails when the copy hangs, or leaves a connection open. */
export const runScripted = async (
  copy: ScriptedCopy,
  check: (outcome: ScriptedOutcome) => void,
): Promise<void> => {
  const { pool, format = 'text', rows = 20 } = copy
  const table = copy.source?.rows ?? tableOf(rows, format)
  await using source = await ScriptedServer.start({ rows: table, count: rows, ...copy.source })
  await using first = await ScriptedServer.start(copy.target)
  await using second = await ScriptedServer.start(copy.other)
  const targets = [first, second] as const
  const options = optionsOf(format)
  const manager = new CopyManager(
    new StatementProducer({ connection: source.connection, statement: `COPY t TO STDOUT${options}` }),
    targets.map(({ connection }, number) => {
      const statement = `COPY t FROM STDIN${options}`
      return new StatementReceiver({ connection, name: `target${number + 1}`, statement, ...copy.receivers })
    }),
    { pool, ...(copy.ring && { ring: copy.ring }), deadlines: { abort: 1000, ...copy.deadlines } },
  )
  const notices: ServerEvent[] = []
  manager.on('notice', (event) => notices.push(event))
  let result: CopyResult | undefined
  let error: unknown
  try {
    result = await unlessHanging(manager.run({ onFault: copy.onFault ?? 'isolate' }))
  } catch (thrown) {
    error = thrown
  }
  await Promise.all([source, ...targets].map((server) => server.assertNoConnections()))
  check({ result, error, outcomes: manager.outcomes, notices, source, targets, whole: Buffer.concat(table) })
}

/** Fails unless the target holds nothing, or exactly the source's table, once. */
export const loadedOf = (target: ScriptedServer, whole: Buffer): 'nothing' | 'all' => {
  const [load, ...more] = target.loads as [Load?, ...Load[]]
  assert.equal(more.length, 0, 'loaded twice')
  if (load === undefined) return 'nothing'
  assert.ok(load.payload.equals(whole), `a partial table: ${load.payload.length} of ${whole.length} bytes`)
  return 'all'
}

/**
 * Fails unless the producer's fault ended the copy: no target has committed a row, and no target received CopyDone.
 * @returns the fault
 */
export const producerFaultOf = ({ error, targets, whole }: ScriptedOutcome): ProducerFault => {
  assert.ok(error instanceof CopyFailed, `not CopyFailed: ${String(error)}`)
  assert.ok(error.cause instanceof ProducerFault, `not a ProducerFault: ${error.message}`)
  assert.deepEqual(error.committed, [])
  for (const target of targets) {
    assert.equal(loadedOf(target, whole), 'nothing')
    for (const session of target.sessions) assert.equal(session.has('c'), false, 'CopyDone was sent')
  }
  return error.cause
}

/** Fails unless the copy completed and both targets hold the whole table. */
export const assertWhole = ({ result, error, targets, whole }: ScriptedOutcome): void => {
  assert.equal(error, undefined, (error as Error | undefined)?.message)
  for (const { state } of result?.receivers ?? []) assert.equal(state, 'committed')
  for (const target of targets) assert.equal(loadedOf(target, whole), 'all')
}

const unlessHanging = async <T>(copy: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: 'the copy hangs' })), HANG_MS)
  })
  try {
    return await Promise.race([copy, hangs])
  } finally {
    clearTimeout(timer)
  }
}
