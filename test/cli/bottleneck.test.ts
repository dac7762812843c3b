import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BottleneckDetector, holderText } from '../../src/cli/progress/bottleneck.js'
import { Rates } from '../../src/cli/progress/rates.js'
import type { CopyStats, ReceiverState } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
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

story('a target behind a slow line holds the others back: its network', async () => {
  const sockets = new Set<Socket>()
  const { hostname: host, port } = new URL(first)
  const line = createServer((client) => {
    const server = connect({ host, port: Number(port) })
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        client.destroy()
        server.destroy()
      })
    }
    server.pipe(client)
    const slowly = async (): Promise<void> => {
      for await (const bytes of client) {
        server.write(bytes)
        await sleep(bytes.length > 1000 ? 100 : 0)
      }
      server.end()
    }
    slowly().catch(() => undefined)
  })
  after(() => {
    line.close()
    for (const socket of sockets) socket.destroy()
  })
  line.listen(0, '127.0.0.1')
  await once(line, 'listening')
  const slow = new URL(first)
  slow.host = `127.0.0.1:${(line.address() as AddressInfo).port}`
  const found = await heldBackBy(slow.href, second)
  assert.deepEqual(found, { kind: 'target', names: [nameOf(slow.href)], obstacle: 'network' })
})

const statsOf = (...receivers: [name: string, lagMib: number, state?: ReceiverState][]): CopyStats => ({
  pass: 1,
  messages: 1,
  bytes: 100 * MIB,
  seconds: 1,
  receivers: receivers.map(([name, lag, state = 'receiving']) => {
    return { name, state, messages: 1, bytes: 1, lagBytes: lag * MIB }
  }),
})

const lookedAt = (stats: CopyStats): string => {
  const watch = new BottleneckDetector()
  for (let i = 0; i < 20; i++) watch.look(stats)
  const holder = watch.look(stats)
  return holder === undefined ? 'nobody' : holderText(holder, stats.receivers.length)
}

story('who holds the others back is told by how full the ring is for whom', () => {
  assert.match(lookedAt(statsOf(['a', 0], ['b', 1])), /waits for (the source|copyman itself)/)
  assert.equal(lookedAt(statsOf(['a', 30], ['b', 1])), 'waits for a')
  assert.equal(lookedAt(statsOf(['a', 30], ['b', 29])), 'waits for the targets')
  assert.equal(lookedAt(statsOf(['a', 30, 'dropped'], ['b', 29], ['c', 0])), 'waits for b')
  assert.equal(lookedAt(statsOf(['a', 3, 'completing'], ['b', 0, 'completed'])), 'waits for a')
  assert.equal(lookedAt(statsOf(['a', 0, 'committed'])), 'nobody')
})

story('one look that is out of line changes nothing', () => {
  const watch = new BottleneckDetector()
  for (let i = 0; i < 20; i++) watch.look(statsOf(['a', 31], ['b', 0]))
  assert.deepEqual(watch.look(statsOf(['a', 0], ['b', 31])), { kind: 'target', names: ['a'] })
})

story('rates are those of the last seconds, and begin anew with a pass', () => {
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
