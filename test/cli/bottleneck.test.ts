import assert from 'node:assert/strict'
import type { Server } from '../../scripts/postgres/server.js'
import { BottleneckDetector, holderText } from '../../src/cli/progress/bottleneck.js'
import { Obstacles } from '../../src/cli/progress/obstacles.js'
import { Rates } from '../../src/cli/progress/rates.js'
import type { CopyStats, ReceiverState, ReceiverStats } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import { story } from '../support/story.js'
import { ended, start } from './command.js'

const MIB = 1024 * 1024
const fleet = await startFleet(2)
await fleet.everywhere('CREATE TABLE wide (what text)')
const [first, second] = fleet.targets.map(({ url }) => url) as [string, string]

/** More than the ring and every socket hold. */
const MUCH = `SELECT repeat('x', 1000000) FROM generate_series(1, 3000)`

interface Progress {
  readonly heldBackBy: { readonly kind: string; readonly names?: string[]; readonly obstacle?: string } | null
}

/** Runs a copy into two targets until its progress says that one holds it back, and why; then interrupts it. */
const heldBackBy = async (...to: string[]): Promise<Progress['heldBackBy']> => {
  const targets = to.flatMap((url) => ['--to', url])
  const child = start([
    'copy',
    '--from',
    fleet.source.url,
    '--query',
    MUCH,
    '--to-table',
    'wide',
    ...targets,
    '--json',
  ])
  let found: Progress['heldBackBy'] = null
  let rest = ''
  child.stdout?.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const { heldBackBy = null } = JSON.parse(line) as Partial<Progress>
      if (heldBackBy?.obstacle === undefined || found !== null) continue
      found = heldBackBy
      child.kill('SIGTERM')
    }
  })
  const { status, stderr } = await ended(child)
  assert.equal(status, 143, stderr)
  return found
}

const nameOf = (url: string): string => new URL(url).host + new URL(url).pathname

story('a target whose server is slow holds the others back: its server', async () => {
  await fleet.targets[0]?.query(`CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END $$;
    CREATE TRIGGER doze BEFORE INSERT ON wide FOR EACH ROW EXECUTE FUNCTION doze()`)
  try {
    const found = await heldBackBy(first, second)
    assert.deepEqual(found, { kind: 'target', names: [nameOf(first)], obstacle: 'server' })
  } finally {
    await fleet.targets[0]?.query('DROP TRIGGER doze ON wide')
  }
})

story('a target on a slow line holds the others back: the obstacle is its network', async () => {
  await using line = await relay(fleet.targets[0] as Server, {
    async *toServer(incoming, line) {
      for await (const bytes of incoming) {
        yield bytes
        await line.pause(bytes.length > 1000 ? 100 : 0)
      }
    },
  })
  const slow = new URL(first)
  slow.host = `127.0.0.1:${line.connection.port}`
  const found = await heldBackBy(slow.href, second)
  assert.deepEqual(found, { kind: 'target', names: [nameOf(slow.href)], obstacle: 'network' })
})

type Sample = [name: string, holdsUp: boolean, state?: ReceiverState, lagBytes?: number]

const statsOf = (...receivers: Sample[]): CopyStats => ({
  pass: 1,
  messages: 1,
  bytes: 100 * MIB,
  seconds: 1,
  receivers: receivers.map(([name, holdsUp, state = 'receiving', lagBytes = MIB]) => {
    return { name, state, messages: 1, bytes: 1, lagBytes, ringShare: 0, holdsUp }
  }),
})

const lookedAt = (stats: CopyStats): string => {
  const detector = new BottleneckDetector()
  for (let i = 0; i < 20; i++) detector.look(stats)
  const holder = detector.look(stats)
  return holder === undefined ? 'none' : holderText(holder, stats.receivers.length)
}

story('the bottleneck is the target that mostly holds the others up', () => {
  assert.match(lookedAt(statsOf(['a', false], ['b', false])), /waits for (the source|copyman itself)/)
  assert.equal(lookedAt(statsOf(['a', true], ['b', false])), 'waits for a')
  assert.equal(lookedAt(statsOf(['a', true], ['b', true])), 'waits for the targets')
  assert.equal(lookedAt(statsOf(['a', true, 'dropped'], ['b', true], ['c', false])), 'waits for b')
  assert.equal(lookedAt(statsOf(['a', false, 'completing'], ['b', false, 'completed'])), 'waits for a')
  assert.equal(lookedAt(statsOf(['a', false, 'completing', 0])), 'none')
  assert.equal(lookedAt(statsOf(['a', false, 'committed'])), 'none')
})

story('one sample that is out of line changes nothing', () => {
  const detector = new BottleneckDetector()
  for (let i = 0; i < 20; i++) detector.look(statsOf(['a', true], ['b', false]))
  assert.deepEqual(detector.look(statsOf(['a', false], ['b', true])), { kind: 'target', names: ['a'] })
})

story('the obstacle of a target is the most frequent of its last three answers', () => {
  const obstacles = new Obstacles()
  const after = (...waits: [type: string | null, event: string | null][]): string | undefined => {
    let found: string | undefined
    for (const [waitEventType, waitEvent] of waits) {
      const backend = { processId: 1, state: 'active', waitEventType, waitEvent, blockedBy: [] }
      const [receiver] = statsOf(['a', true]).receivers
      const stats = { ...(receiver as ReceiverStats), diagnosis: { backend } }
      // stats repeat an answer: it counts once
      for (let i = 0; i < 4; i++) found = obstacles.of(stats)
    }
    return found
  }
  assert.equal(after(), undefined)
  assert.equal(after(['Client', 'ClientRead']), 'network')
  assert.equal(after(['IO', 'DataFileExtend'], [null, null]), 'server')
  assert.equal(after(['Lock', 'relation'], ['Lock', 'relation']), 'lock')
})

story('rates are those of the last seconds, and begin at 0 in each pass', () => {
  const rates = new Rates()
  const at = (now: number, bytes: number): number =>
    rates.of('a', { bytes, messages: 0, share: 0 }, now).bytes
  assert.equal(at(0, 0), 0)
  assert.equal(at(1000, 100), 100)
  for (let second = 2; second <= 20; second++) at(second * 1000, 100 + (second - 1) * 10)
  assert.equal(at(21_000, 300), 10)
  assert.equal(at(22_000, 5), 0)
  assert.equal(at(23_000, 10), 5)
})
