import assert from 'node:assert/strict'
import { digestOf } from '../../scripts/demo/digest.js'
import { CopyManager, copy, WorkerPool } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { fromTable, intoTable, story } from '../support/story.js'

const fleet = await startFleet(2)
const ROWS = 5000
const TABLES = 32
const tables = Array.from({ length: TABLES }, (_, i) => `t${i}`)

await fleet.everywhere(
  `CREATE TABLE t (i int, s text); ${tables.map((table) => `CREATE TABLE ${table} (LIKE t);`).join('')}`,
)
await fleet.source.query(`INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, ${ROWS}) AS i`)
const truncate = () => fleet.onTargets(`TRUNCATE ${['t', ...tables].join()}`)

/** Fails unless each of these tables holds on each target what the source's table holds. */
const assertAll = async (names: readonly string[]): Promise<void> => {
  const expected = await digestOf(fleet.source, 't')
  for (const target of fleet.targets)
    for (const table of names)
      assert.deepEqual(await digestOf(target, table), expected, `${target.name} ${table}`)
}

story('five managers at once share a pool that holds the threads of two', async () => {
  await truncate()
  const pool = new WorkerPool({ threads: 4 })
  try {
    const five = tables.slice(0, 5)
    const results = await Promise.all(
      five.map((table) =>
        new CopyManager(
          fromTable(fleet.source, 't'),
          fleet.targets.map((target) => intoTable(target, table)),
          { pool, ring: { slots: 3, slotBytes: 16 * 1024 } },
        ).run(),
      ),
    )
    for (const { rows, receivers } of results) {
      assert.equal(rows, ROWS)
      assert.ok(receivers.every(({ state }) => state === 'committed'))
    }
    await assertAll(five)
    await fleet.assertNoConnections()
  } finally {
    await pool.close()
  }
})

story('one copy into 64 receivers', async (s) => {
  await truncate()
  const warnings: Error[] = []
  const warned = (warning: Error): unknown => warnings.push(warning)
  process.on('warning', warned)
  s.defer(() => process.off('warning', warned))
  const result = await copy({
    from: fromTable(fleet.source, 't'),
    to: fleet.targets.flatMap((target) => tables.map((table) => intoTable(target, table))),
    ring: { slots: 4, slotBytes: 16 * 1024 },
    deadlines: { connect: 60_000 },
  })
  assert.equal(result.receivers.length, 2 * TABLES)
  assert.ok(result.receivers.every(({ state, rows }) => state === 'committed' && rows === ROWS))
  await assertAll(tables)
  assert.deepEqual(warnings, [])
})
