import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CopyAborted,
  CopyFailed,
  CopyManager,
  copy,
  NullReceiver,
  type Producer,
  type ProducerStream,
} from '../../../../src/index.js'
import { countRemains } from '../../../support/remains.js'
import { soon } from '../../../support/soon.js'

const boom = new RangeError('boom')

const makeProducer = (more: Partial<Producer>): Producer => ({
  name: 'mine',
  canRepeat: false,
  async produce(stream: ProducerStream) {
    stream.started()
    await stream.rows([Buffer.from('1\n')])
    return { rows: 1 }
  },
  ...more,
})

const silent = async (stream: ProducerStream) => {
  stream.started()
  while (!stream.isStopped) await new Promise((resolve) => setTimeout(resolve, 5))
  return {}
}

const CLOSE_FAILED = {
  code: 'COPY_CALLABLE',
  phase: 'close',
  message: "the producer's close() failed: boom",
  cause: boom,
}
const ABORT_FAILED = { ...CLOSE_FAILED, phase: 'abort', message: "the producer's abort() failed: boom" }

const assertWarnings = (warnings: readonly Error[], expected: readonly object[]): void => {
  const facts = warnings.map((warning) => {
    const { code, phase, message, cause } = warning as Error & { code: string; phase: string }
    return { code, phase, message, cause }
  })
  assert.deepEqual(facts, expected)
}

const rejects = async (): Promise<void> => {
  throw boom
}
const throws = (): Promise<void> => {
  throw boom
}

for (const close of [rejects, throws]) {
  test(`a producer whose close() ${close.name}: the copy has succeeded, and the result has the warning`, async () => {
    const remains = countRemains()
    const manager = new CopyManager(makeProducer({ close }), [new NullReceiver()])
    const result = await manager.run()
    assert.deepEqual([result.rows, result.receivers[0]?.state], [1, 'completed'])
    assertWarnings(result.warnings, [CLOSE_FAILED])
    assert.deepEqual(manager.warnings, result.warnings)
    await remains.assertNoneLeft()
  })
}

test('a producer whose abort() and close() reject: CopyAborted and the manager report both', async () => {
  const remains = countRemains()
  const producer = makeProducer({ produce: silent, abort: rejects, close: rejects })
  const manager = new CopyManager(producer, [new NullReceiver()])
  await manager.open()
  const error: unknown = await manager.close().catch((error: unknown) => error)
  assert.ok(error instanceof CopyAborted, String(error))
  assertWarnings(error.warnings, [ABORT_FAILED, CLOSE_FAILED])
  assertWarnings(manager.warnings, [ABORT_FAILED, CLOSE_FAILED])
  await remains.assertNoneLeft()
})

test('a producer that fails and whose close() rejects: CopyFailed keeps its cause and reports both', async () => {
  const first = new Error('first')
  const produce = async (stream: ProducerStream): Promise<never> => {
    stream.started()
    throw first
  }
  const error: unknown = await copy({
    from: makeProducer({ produce, close: rejects }),
    to: [new NullReceiver()],
  }).catch((error: unknown) => error)
  assert.ok(error instanceof CopyFailed, String(error))
  assert.match(error.message, /first/)
  assertWarnings(error.warnings, [CLOSE_FAILED])
})

test('the copy does not wait after the deadline for a producer that never stops, and the error says so', async () => {
  const remains = countRemains()
  const never = (): Promise<never> => new Promise(() => undefined)
  const produce = (stream: ProducerStream): Promise<never> => {
    stream.started()
    return never()
  }
  const manager = new CopyManager(makeProducer({ produce, close: never }), [new NullReceiver()], {
    deadlines: { abort: 100 },
  })
  await manager.open()
  const error: unknown = await soon(
    manager.close().catch((error: unknown) => error),
    'close()',
  )
  assert.ok(error instanceof CopyAborted, String(error))
  assert.deepEqual(
    error.warnings.map(({ message }) => message),
    ['abort()', 'close()'].map((what) => `the producer's ${what} failed: no answer within 1100 ms`),
  )
  await remains.assertNoneLeft()
})
