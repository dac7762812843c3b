import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Server } from '../../scripts/postgres/server.js'
import { CallReceiver, CopyError, CopyManager, type Receiver, type Slice } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import {
  assertRows,
  assertSame,
  bounded,
  faultOf,
  fromTable,
  intoTable,
  iterate,
  once,
  standstill,
  story,
  terminateCopy,
  until,
} from '../support/story.js'

const ROWS = 20_000
const fleet = await startFleet(2, { rows: ROWS, row: "i, repeat('x', 10 + i % 100)" })
const SLOTS = 4
const SLOT_BYTES = 32 * 1024
const RING = { slots: SLOTS, slotBytes: SLOT_BYTES }

/** A callable that throws once, at this slice, after it was given `before` slices; it keeps what it took. */
const flaky = (before: number, name = 'flaky') => {
  const taken: Slice[] = []
  const delivered: number[] = []
  let thrown = false
  const receiver = new CallReceiver(
    (slice) => {
      delivered.push(slice.sequence)
      if (!thrown && taken.length === before) {
        thrown = true
        throw new Error('once')
      }
      taken.push(slice)
    },
    { name },
  )
  const hash = () => {
    const md5 = createHash('md5')
    for (const { bytes } of taken) md5.update(bytes)
    return md5.digest('hex')
  }
  const messages = () => taken.reduce((sum, slice) => sum + slice.messages, 0)
  return { receiver, taken, delivered, hash, messages }
}

/** The source's own hash of what COPY sends, in the order it lies in the table. */
const sourceHash = async (): Promise<string> => {
  const rows = await fleet.source.query<{ md5: string }>(
    `SELECT md5(string_agg(i || E'\\t' || s || E'\\n', '' ORDER BY ctid)) AS md5 FROM t`,
  )
  return rows[0]?.md5 as string
}

/** The slice that threw was delivered again, under the same sequence, and no other. */
const assertDeliveredAgain = (delivered: readonly number[], sequence: number): void => {
  const expected = Array.from({ length: delivered.length - 1 }, (_, i) => i)
  expected.splice(sequence, 0, sequence)
  assert.deepEqual(delivered, expected)
}

story(
  'a callable throws once and is reconciled at once: complete, exact, its slice delivered again',
  async () => {
    const { receiver, delivered, hash, messages } = flaky(5)
    const receivers: Receiver[] = [receiver, ...fleet.targets.map((target) => intoTable(target, 't'))]
    const manager = new CopyManager(fromTable(fleet.source, 't'), receivers, {
      ring: RING,
      signal: bounded(),
    })
    const { faults, sums } = await iterate(manager, {
      fault: async (fault) => {
        assert.equal(faultOf(fault, 'flaky').code, 'COPY_CALLABLE')
        assert.equal(manager.receivers.has(receiver), false)
        await manager.reconcile(receiver)
        assert.equal(manager.receivers.has(receiver), true)
      },
    })
    assert.equal(faults.length, 1)
    assert.deepEqual([sums[0]?.messages, messages(), hash()], [ROWS, ROWS, await sourceHash()])
    assertDeliveredAgain(delivered, 5)
    assert.deepEqual(
      manager.outcomes.map(({ state, bytes, passes, fault }) => ({ state, bytes, passes, fault })),
      ['completed', 'committed', 'committed'].map((state) => ({
        state,
        bytes: sums[0]?.bytes,
        passes: 1,
        fault: undefined,
      })),
    )
    await fleet.assertEqual('t')
  },
)

story(
  'callables that throw on their first and on their last slice, in one cycle, are both taken back',
  async () => {
    const [{ slices = 0 } = {}] = [{ slices: await countSlices() }]
    const early = flaky(0, 'early')
    const late = flaky(slices - 1, 'late')
    const manager = new CopyManager(fromTable(fleet.source, 't'), [early.receiver, late.receiver], {
      ring: { slots: 64, slotBytes: SLOT_BYTES },
    })
    await iterate(manager, {
      fault: async ({ faults }) => {
        for (const receiver of faults.keys()) await manager.reconcile(receiver)
      },
    })
    const expected = await sourceHash()
    for (const { hash, messages } of [early, late]) assert.deepEqual([messages(), hash()], [ROWS, expected])
  },
)

/** At least so many slices come; a copy may have more, as the source's bytes arrive. */
const countSlices = async (): Promise<number> => {
  const [row] = await fleet.source.query<{ bytes: number }>(
    `SELECT sum(octet_length(i::text || s) + 2)::int AS bytes FROM t`,
  )
  return Math.floor((row?.bytes ?? 0) / SLOT_BYTES)
}

story('a receiver that throws again before the next turn is reported again, and is not dropped', async () => {
  let calls = 0
  const receiver = new CallReceiver(() => {
    calls += 1
    if (calls <= 2) throw new Error('not yet')
  })
  const manager = new CopyManager(fromTable(fleet.source, 't'), [receiver], { ring: RING })
  const { faults } = await iterate(manager, {
    fault: async () => {
      await manager.reconcile(receiver)
      if (calls === 1) await until(() => calls === 2, 'it is called again')
    },
  })
  assert.equal(faults.length, 2)
  assert.deepEqual(
    manager.outcomes.map(({ state, passes }) => [state, passes]),
    [['completed', 1]],
  )
})

story('reconciled after the others moved on by as much as the ring allows: still exact', async () => {
  const { receiver, delivered, hash, messages } = flaky(3)
  const receivers: Receiver[] = [receiver, ...fleet.targets.map((target) => intoTable(target, 't'))]
  const manager = new CopyManager(fromTable(fleet.source, 't'), receivers, {
    ring: RING,
    signal: bounded(),
  })
  const { faults } = await iterate(manager, {
    fault: async () => {
      const published = await standstill(manager)
      const [held, ...others] = manager.stats().receivers
      assert.deepEqual(
        others.map(({ bytes }) => bytes),
        [published, published],
      )
      // the writer owns one slot; all others hold what the faulted receiver has not taken
      assert.ok((held?.lagBytes ?? 0) > (SLOTS - 2) * SLOT_BYTES * 0.9, `it lags ${held?.lagBytes} bytes`)
      await manager.reconcile(receiver)
    },
  })
  assert.equal(faults.length, 1)
  assert.deepEqual([messages(), hash()], [ROWS, await sourceHash()])
  assertDeliveredAgain(delivered, 3)
  await fleet.assertEqual('t')
})

story(
  'a connection that is gone cannot go on from where it stood, and the refusal says what can be done',
  async () => {
    const [lost, other] = fleet.targets as [Server, Server]
    const receivers = [intoTable(lost, 't'), intoTable(other, 't')] as const
    const manager = new CopyManager(fromTable(fleet.source, 't'), receivers, {
      ring: RING,
      signal: bounded(),
    })
    const refused = (code: string, text: RegExp) => (error: unknown) =>
      error instanceof CopyError && error.code === code && text.test(error.message)
    await iterate(manager, {
      cycle: once(() => terminateCopy(lost, 't')),
      fault: async () => {
        await assert.rejects(
          manager.reconcile(receivers[0]),
          refused('COPY_STATE', /cannot go on from where it stood.*reconcile it with \{ from: 'start' \}/),
        )
        await assert.rejects(manager.reconcile(receivers[1]), refused('COPY_STATE', /no fault to reconcile/))
        await assert.rejects(manager.reconcile(intoTable(lost, 't')), refused('COPY_STATE', /takes no part/))
      },
    })
    await assert.rejects(manager.reconcile(receivers[0]), refused('COPY_STATE', /not under way/))
    await assertSame([fleet.source, other], 't')
    await assertRows([lost], 't', 0)
  },
)
