import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CallReceiver,
  CopyAborted,
  copy,
  NullReceiver,
  type Producer,
  type ProducerEnd,
  type ProducerStream,
  WorkerPool,
} from '../../../../src/index.js'
import { Ring } from '../../../../src/main/ring/ring.js'

/** One row, and a note of the memory it went through, which keeps that from being collected. */
class NotingProducer implements Producer {
  readonly name = 'noting'
  readonly canRepeat = true
  totalMessages = 0
  totalBytes = 0
  count: number | undefined
  command: string | undefined
  memory: unknown
  readonly #endless: boolean

  constructor(endless = false) {
    this.#endless = endless
  }

  async produce(stream: ProducerStream): Promise<ProducerEnd> {
    this.memory = stream.ring.memory
    stream.started()
    do await stream.rows([Buffer.from('row\n')])
    while (this.#endless && !stream.isStopped)
    return { rows: 1 }
  }
}

// of a size that nothing else in this process uses
const RING = { slots: 7, slotBytes: 64 * 1024 }

/** The memory that a copy without faults goes through. */
const memoryOfNext = async (pool?: WorkerPool): Promise<unknown> => {
  const from = new NotingProducer()
  await copy({ from, to: [new NullReceiver(), () => undefined], ring: RING, ...(pool && { pool }) })
  return from.memory
}

test('copies one after the other use the same memory, with a pool that they share and without', async () => {
  const pool = new WorkerPool({ threads: 1 })
  try {
    const memory = await memoryOfNext(pool)
    for (const shared of [pool, undefined, pool]) assert.equal(await memoryOfNext(shared), memory)
  } finally {
    await pool.close()
  }
})

test('copies at the same time have memory of their own', async () => {
  const memories = await Promise.all(Array.from({ length: 4 }, () => memoryOfNext()))
  assert.equal(new Set(memories).size, 4)
})

test('a copy that was aborted in the middle, or whose callable did not settle, keeps its memory', async () => {
  const stopped = new NotingProducer(true)
  const held = new NotingProducer()
  for (const from of [stopped, held]) {
    const controller = new AbortController()
    const copying = copy({
      from,
      to: [
        () => {
          setImmediate(() => controller.abort())
          // the producer that is not endless has ended by then
          return from === held ? new Promise<void>(() => undefined) : undefined
        },
      ],
      ring: RING,
      signal: controller.signal,
      deadlines: { abort: 50 },
    })
    await assert.rejects(copying, CopyAborted)
    const later = await Promise.all(Array.from({ length: 8 }, () => memoryOfNext()))
    assert.ok(!later.includes(from.memory), from === held ? 'the callable holds it' : 'the producer holds it')
  }
})

test('a receiver whose thread was lost keeps the memory of its copy', async () => {
  const from = new NotingProducer()
  const exits = new CallReceiver(new URL('../../../fixtures/receivers.js', import.meta.url), {
    exportName: 'exits',
  })
  const options = { from, ring: RING, onFault: 'isolate' as const }
  const { receivers } = await copy({ ...options, to: [exits, new NullReceiver()] })
  assert.deepEqual(
    receivers.map(({ state }) => state),
    ['dropped', 'completed'],
  )
  const later = await Promise.all(Array.from({ length: 8 }, () => memoryOfNext()))
  assert.ok(!later.includes(from.memory))
})

test('a ring in memory of another knows nothing of it', () => {
  const shape = { slots: 3, slotBytes: 64 * 1024 }
  const before = new Ring(shape)
  before.cells.setCursor(before.ticket().receiver, 5)
  before.cells.describe(2, 1, 5, 5, 3)
  before.cells.setState(2)
  before.cells.publish(5)
  before.release()
  const { memory, cells } = new Ring(shape)
  assert.equal(memory, before.memory)
  assert.deepEqual(
    [
      cells.published(),
      cells.state(),
      cells.slot(2),
      cells.bytes(2),
      cells.rows(2),
      cells.flags(2),
      cells.cursor(0),
    ],
    [0, 0, 0, 0, 0, 0, 0],
  )
})
