import assert from 'node:assert/strict'
import { after } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CopyError,
  CopyFailed,
  CopyManager,
  ProducerFault,
  StatementProducer,
  StatementReceiver,
  WorkerPool,
} from '../../src/index.js'
import { type CopyFormat, optionsOf } from '../support/copied-rows.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import { allowThreads } from '../support/remains.js'
import { randomFrom, SEED } from '../support/seed.js'
import { assertRows, assertSame, inTime, story } from '../support/story.js'
import { cutBehind, type Treat } from '../support/treatments.js'
import { IS_FULL, TIMEOUT_MS } from './amount.js'

const COPIES = IS_FULL ? 60 : 3
const ROWS = 500
/** A little more than a copy of the table has on the wire, so that some cuts come after its end. */
const MOST_BYTES = 30_000

const fleet = await startFleet(2)
const [target, other] = fleet.targets as [Server, Server]
await fleet.everywhere('CREATE TABLE t (i int, s text)')
await fleet.source.query(`INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, ${ROWS}) AS i`)
const pool = new WorkerPool({ threads: 2 })
allowThreads(2)
after(() => pool.close())

/** Cuts the first connection in one direction after so many bytes. */
const cutting =
  (direction: 'to-server' | 'to-client', bytes: number, how: 'end' | 'reset'): Treat =>
  (frame) =>
    frame.connection === 0 && frame.direction === direction ? cutBehind(frame, bytes, how) : undefined

type Proxied = 'source' | 'target'

const copyThrough = async (proxied: Proxied, format: CopyFormat, treat: Treat): Promise<void> => {
  await fleet.onTargets('TRUNCATE t')
  const behind = proxied === 'source' ? fleet.source : target
  await using proxy = await relay(behind, treat)
  const options = optionsOf(format)
  const at = (server: Server) => (server === behind ? proxy : server).connection
  const manager = new CopyManager(
    new StatementProducer({ connection: at(fleet.source), statement: `COPY t TO STDOUT${options}` }),
    fleet.targets.map(
      (server) =>
        new StatementReceiver({
          connection: at(server),
          name: server.name,
          statement: `COPY t FROM STDIN${options}`,
        }),
    ),
    { pool },
  )
  const copied = await inTime(
    manager.run({ onFault: 'isolate' }).then(
      (result) => ({ result, error: undefined }),
      (error: unknown) => ({ result: undefined, error }),
    ),
    'the copy is over',
  )
  if (copied.error !== undefined) {
    const { error } = copied
    assert.ok(proxied === 'source', `a target's cut ended the copy: ${String(error)}`)
    assert.ok(error instanceof CopyFailed && error.cause instanceof ProducerFault, String(error))
    return assertRows(fleet.targets, 't', 0)
  }
  await assertSame([fleet.source, other], 't')
  const [cut, intact] = copied.result?.receivers ?? []
  assert.equal(intact?.state, 'committed')
  if (cut?.state === 'committed') return void (await assertSame([fleet.source, target], 't'))
  assert.equal(proxied, 'target')
  assert.ok(cut?.fault instanceof CopyError)
  if (cut.state !== 'in-doubt') await assertRows([target], 't', 0)
}

const ROW_OF = { source: 'row 7', target: 'row 11' } as const
for (const proxied of ['source', 'target'] as const) {
  for (const format of ['text', 'csv', 'binary'] as const) {
    story(
      `${ROW_OF[proxied]}: a real ${proxied} cut at any byte in either direction, ${format}`,
      {
        timeout: TIMEOUT_MS,
      },
      async (s) => {
        s.t.diagnostic(`COPYMAN_SEED=${SEED}`)
        const random = randomFrom(SEED + proxied.length + format.length)
        for (let copy = 0; copy < COPIES; copy += 1) {
          const direction = random() < 0.5 ? 'to-server' : 'to-client'
          // answers are short: most of what is sent the other way is rows
          const isRows = (direction === 'to-client') === (proxied === 'source')
          const bytes = Math.floor(random() * (isRows ? MOST_BYTES : 1500))
          const how = random() < 0.5 ? 'end' : 'reset'
          try {
            await copyThrough(proxied, format, cutting(direction, bytes, how))
          } catch (cause) {
            throw new Error(`cut ${direction} behind ${bytes} bytes by ${how}: ${(cause as Error).message}`, {
              cause,
            })
          }
        }
      },
    )
  }
}
