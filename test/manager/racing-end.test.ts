import assert from 'node:assert/strict'
import { after, beforeEach } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { digestOf } from '../../scripts/demo/digest.js'
import { CopyAborted, CopyManager, WorkerPool } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { allowThreads } from '../support/remains.js'
import { fromTable, inTime, intoTable, story } from '../support/story.js'

const fleet = await startFleet(2)
const ROWS = 100
const pool = new WorkerPool({ threads: 2 })
allowThreads(2)
after(() => pool.close())

await fleet.everywhere('CREATE TABLE t (i int)')
await fleet.source.query(`INSERT INTO t SELECT generate_series(1, ${ROWS})`)
const truncate = () => fleet.onTargets('TRUNCATE t')
beforeEach(truncate)

/** Where a copy stands, by its receivers' states: what it has reached is reached for good. */
const MOMENTS: Record<string, (states: readonly string[]) => boolean> = {
  'somebody completes': (states) => states.some((state) => /complet|commit/.test(state)),
  'somebody is complete': (states) => states.some((state) => /completed|commit/.test(state)),
  'all are complete': (states) => states.every((state) => /completed|commit/.test(state)),
  'somebody commits': (states) => states.some((state) => /commit/.test(state)),
  'somebody is committed': (states) => states.includes('committed'),
}
const TURNS = [0, 1, 2, 5]

for (const by of ['its signal', 'close()'] as const) {
  for (const onFault of ['abort', 'isolate'] as const) {
    story(
      `whenever a copy that runs under '${onFault}' is ended by ${by}, its error lists exactly what is visible`,
      async () => {
        for (const [name, isReached] of Object.entries(MOMENTS)) {
          for (const turns of TURNS) {
            const controller = new AbortController()
            await using manager = new CopyManager(
              fromTable(fleet.source, 't'),
              fleet.targets.map((target) => intoTable(target, 't')),
              { signal: controller.signal, pool },
            )
            let isOver = false
            const running = manager
              .run({ onFault })
              .then(
                () => fleet.targets.map((target) => target.name),
                (error: unknown) => {
                  assert.ok(error instanceof CopyAborted, String(error))
                  return error.committed
                },
              )
              .finally(() => {
                isOver = true
              })
            const reached = async () => {
              while (!isOver && !isReached(manager.stats().receivers.map(({ state }) => state))) await turn()
              for (let i = 0; i < turns; i++) await turn()
            }
            await inTime(reached(), name)
            if (by === 'close()')
              await inTime(manager.close(), by).catch((error: unknown) => {
                if (!(error instanceof CopyAborted)) throw error
              })
            else controller.abort()
            const listed = await inTime(running, 'the end of the copy')
            for (const [i, target] of fleet.targets.entries()) {
              const { state } = manager.outcomes[i] as { state: string }
              const what = `${name} and ${turns} turns later: ${target.name} is ${state}`
              const { rows } = await digestOf(target, 't')
              assert.equal(rows, listed.includes(target.name) ? String(ROWS) : '0', what)
              assert.equal(state === 'committed', listed.includes(target.name), what)
            }
            await truncate()
          }
        }
      },
    )
  }
}
