import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { slownessText } from '../../src/cli/text/slowness-text.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import { story } from '../support/story.js'
import { cutInsteadOf } from '../support/treatments.js'
import { ended, linesOf, run, start } from './command.js'

const fleet = await startFleet(2)
await fleet.everywhere('CREATE TABLE wide (what text)')
const [first, second] = fleet.targets.map(({ url }) => url) as [string, string]
const [firstName] = fleet.targets.map(({ url }) => new URL(url).host + new URL(url).pathname) as [string]
const ask = async (sql: string): Promise<unknown[]> => (await fleet.targets[0]?.query(sql)) ?? []

const copy = (rows: number, ...more: string[]): string[] => {
  const query = `SELECT repeat('x', 1000000) FROM generate_series(1, ${rows})`
  const from = ['copy', '--from', fleet.source.url, '--query', query, '--to-table', 'wide', '--truncate']
  return [...from, '--to', first, '--to', second, ...more]
}

const DOZE = `CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;
  CREATE TRIGGER doze BEFORE INSERT ON wide FOR EACH ROW EXECUTE FUNCTION doze()`

story(
  '--lag drop:SECONDS drops a target that holds up the others, and they are loaded: exit status 3',
  async () => {
    await ask(DOZE)
    try {
      const { status, stderr } = await run(copy(200, '--lag', 'drop:1'))
      assert.equal(status, 3, stderr)
      assert.match(
        stderr,
        new RegExp(`copyman: ${firstName}: it held up the others for 1 s and was \\d+ bytes behind`),
      )
      assert.match(stderr, /copyman: 1 of 2 targets is loaded: /)
    } finally {
      await ask('DROP TRIGGER doze ON wide; DROP FUNCTION doze()')
    }
    assert.deepEqual(await fleet.targets[1]?.query('SELECT count(*)::int AS rows FROM wide'), [{ rows: 200 }])
  },
)

story(
  '--retry loads a target again whose backend was ended: exit status 0, and the summary reports the retry',
  async () => {
    // it waits at its end, so that there is time to end it
    const child = start(copy(5, '--retry', '2', '--after', 'SELECT pg_sleep(0.5)'))
    const end = ended(child)
    const killed = (): Promise<unknown[]> =>
      ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'
      AND application_name = 'copyman'`)
    while ((await killed()).length === 0) {
      assert.equal(child.exitCode, null, 'the command ended first')
      await sleep(10)
    }
    const { status, stdout, stderr } = await end
    assert.equal(status, 0, stderr)
    assert.match(stdout, new RegExp(`\n  ${firstName}  committed  5 rows, 1 retry\n`))
    for (const target of fleet.targets)
      assert.deepEqual(await target.query('SELECT count(*)::int AS rows FROM wide'), [{ rows: 5 }])
  },
)

story(
  'exit status 4 says that a COMMIT is in doubt: its answer was lost, and so was the server',
  async () => {
    const server = fleet.targets[0]
    assert.ok(server)
    const cut = cutInsteadOf('COMMIT')
    const proxy = await relay(server, (frame) =>
      frame.connection === 0 ? cut(frame) : { do: 'cut', at: 0, how: 'end' },
    )
    try {
      const behind = new URL(first)
      behind.host = `127.0.0.1:${proxy.connection.port}`
      const name = behind.host + behind.pathname
      const args = [
        'copy',
        '--from',
        fleet.source.url,
        '--query',
        'SELECT 1',
        '--to-table',
        'wide',
        '--no-check',
      ]
      const result = await run([...args, '--to', behind.href, '--to', second, '--json'])
      assert.equal(result.status, 4, result.stderr)
      assert.match(
        result.stderr,
        new RegExp(`copyman: in doubt: ${name}\ncopyman: 1 of 2 targets is loaded: `),
      )
      assert.match(result.stderr, /look at the target before you load it again/)
      const summary = linesOf(result).at(-1) as { receivers: { state: string }[] }
      assert.deepEqual(
        summary.receivers.map(({ state }) => state),
        ['in-doubt', 'committed'],
      )
    } finally {
      await proxy.close()
    }
  },
)

story('an end without progress is reported, with what its server says about the backend', () => {
  const slow = { type: 'slow', phase: 'start', seconds: 12.3 } as const
  assert.equal(slownessText(slow), 'the COPY has not begun for 12 s')
  const backend = {
    processId: 7,
    state: 'active',
    waitEventType: 'Lock',
    waitEvent: 'relation',
    blockedBy: [8, 9],
  }
  assert.equal(
    slownessText({ ...slow, backend }),
    'the COPY has not begun for 12 s; its backend 7 waits for Lock relation, held by process 8, 9',
  )
  assert.match(slownessText({ ...slow, unasked: 'no\u001b[2J' }), /could not be asked why: no\\x1b\[2J/)
})
