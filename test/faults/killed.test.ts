import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startFleet } from '../support/fleet.js'
import { assertSame, inTime, story } from '../support/story.js'

const fleet = await startFleet(3)
await fleet.everywhere('CREATE TABLE t (i int, s text)')
await fleet.source.query(
  'INSERT INTO t SELECT i, repeat(md5(i::text), 6) FROM generate_series(1, 30000) AS i',
)

const GONE_MS = 30_000
const PROGRAM = fileURLToPath(new URL('../fixtures/copy-process.js', import.meta.url))
const urls = fleet.all.map(({ url }) => url)

const backends = async (): Promise<number> => {
  let count = 0
  for (const server of fleet.all) {
    const found = await server.query(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'copyman'`)
    count += found.length
  }
  return count
}

story(
  'row 27: a process that is killed in mid-copy leaves no row and no backend behind, and the copy is run again',
  async () => {
    const stands = spawn(process.execPath, [PROGRAM, ...urls], {
      env: { ...process.env, COPYMAN_TEST_STAND_STILL: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [said] = await inTime(once(stands.stdout, 'data'), 'mid-copy')
      assert.match(String(said), /in mid-copy/)
      assert.equal(await backends(), 4)
    } finally {
      stands.kill('SIGKILL')
    }
    assert.deepEqual(await once(stands, 'close'), [null, 'SIGKILL'])
    const bound = performance.now() + GONE_MS
    while ((await backends()) > 0) {
      assert.ok(performance.now() < bound, `backends of ours are left after ${GONE_MS} ms`)
      await sleep(50)
    }
    await fleet.assertEmpty('t')

    const again = spawn(process.execPath, [PROGRAM, ...urls], { stdio: ['ignore', 'inherit', 'inherit'] })
    try {
      assert.deepEqual(await inTime(once(again, 'close'), 'the second run'), [0, null])
    } finally {
      again.kill('SIGKILL')
    }
    await assertSame(fleet.all, 't')
  },
)
