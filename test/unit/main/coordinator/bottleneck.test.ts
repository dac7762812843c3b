import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallReceiver, CopyManager, type CopyStats, IteratorProducer } from '../../../../src/index.js'

const RING = { slots: 4, slotBytes: 4096 }
const ROW = `${'x'.repeat(500)}\n`
const BOUND_MS = 60_000

const rows = function* (count: number): Generator<string[]> {
  for (let i = 0; i < count; i++) yield [ROW]
}

const heldUp = (stats: CopyStats): string =>
  stats.receivers.flatMap(({ name, holdsUp }) => (holdsUp ? [name] : [])).join(' ')

/** Looks at the stats until they are as wanted. The copy moves between two looks. */
const until = async (manager: CopyManager, isWanted: (stats: CopyStats) => boolean): Promise<CopyStats> => {
  const end = performance.now() + BOUND_MS
  for (;;) {
    const stats = manager.stats()
    if (isWanted(stats)) return stats
    assert.ok(performance.now() < end, `not within ${BOUND_MS} ms: ${JSON.stringify(stats)}`)
    await new Promise(setImmediate)
  }
}

/** A copy of 1,000 rows in which the receiver `slow` stops at its first slice until it is released. */
const heldCopy = (): { manager: CopyManager; release: () => void } => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const receivers = [
    new CallReceiver(() => held, { name: 'slow' }),
    new CallReceiver(() => undefined, { name: 'fast' }),
  ]
  const producer = new IteratorProducer(rows(1000))
  return { manager: new CopyManager(producer, receivers, { ring: RING }), release: () => release() }
}

test('stats() names the receiver for which the source waits, and no other', async () => {
  const { manager, release } = heldCopy()
  const run = manager.run()
  const stats = await until(manager, (now) => heldUp(now) !== '' && now.receivers[1]?.ringShare === 0)
  assert.equal(heldUp(stats), 'slow')
  assert.ok((stats.receivers[0]?.ringShare ?? 0) > 0.5, JSON.stringify(stats))
  release()
  await run
  assert.equal(heldUp(manager.stats()), '')
  assert.deepEqual(
    manager.stats().receivers.map(({ ringShare }) => ringShare),
    [0, 0],
  )
})

test('stats() blames no receiver while the caller does not take what was moved', async () => {
  const { manager, release } = heldCopy()
  await manager.open()
  // the source fills the ring, and the caller's loop holds the same slots as the receiver
  const full = (RING.slots - 1) / RING.slots
  const stats = await until(manager, (now) => (now.receivers[0]?.ringShare ?? 0) >= full)
  assert.equal(heldUp(stats), '')
  release()
  for await (const _ of manager);
})
