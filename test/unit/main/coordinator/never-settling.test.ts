import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CopyAborted,
  CopyManager,
  type CopyManagerOptions,
  IteratorProducer,
  NullReceiver,
  type OnFault,
  type Producer,
  type Receiver,
  StatementProducer,
  StatementReceiver,
} from '../../../../src/index.js'
import { countRemains } from '../../../support/remains.js'
import { soon } from '../../../support/soon.js'

// far longer than the tests wait: what ends is ended at once, and not by a deadline
const DEADLINES = { abort: 60_000 }
const never = new Promise<never>(() => undefined)

/** Something of the user's that is called and never settles: what it is, how it is built in, and when it was called. */
interface Case {
  readonly what: string
  readonly make: (called: () => void) => {
    readonly producer?: Producer
    readonly receivers?: readonly Receiver[]
    readonly onFault?: OnFault
    readonly started?: (manager: CopyManager) => void
  }
}

const tooSilent = (called: () => void) => ({
  connection: {
    host: '127.0.0.1',
    password: () => {
      called()
      return never
    },
  },
})
const oneRow = (): Producer => new IteratorProducer(() => [['1\n']])

const CASES: readonly Case[] = [
  {
    what: 'onFault',
    make: (called) => ({
      receivers: [new NullReceiver(), failing()],
      onFault: () => {
        called()
        return never
      },
    }),
  },
  {
    what: 'a password() of a receiver',
    make: (called) => ({
      receivers: [
        new NullReceiver(),
        new StatementReceiver({ ...tooSilent(called), statement: 'COPY t FROM STDIN' }),
      ],
    }),
  },
  {
    what: 'a password() of a receiver that is attached',
    make: (called) => ({
      receivers: [new NullReceiver()],
      started: (manager) =>
        manager.attach(new StatementReceiver({ ...tooSilent(called), statement: 'COPY t FROM STDIN' })),
    }),
  },
  {
    what: 'a password() of the producer',
    make: (called) => ({
      producer: new StatementProducer({ ...tooSilent(called), statement: 'COPY t TO STDOUT' }),
    }),
  },
  {
    what: 'a function as the source',
    make: (called) => ({
      producer: new IteratorProducer(() => {
        called()
        return never
      }),
    }),
  },
  {
    what: "an async iterator's next()",
    make: (called) => ({
      producer: new IteratorProducer({
        [Symbol.asyncIterator]: () => ({
          next() {
            called()
            return never
          },
        }),
      }),
    }),
  },
]

const failing = (): Receiver =>
  new StatementReceiver({ connection: 'host=127.0.0.1 port=1', statement: 'COPY t FROM STDIN' })

for (const { what, make } of CASES) {
  for (const how of ['its signal', 'close()'] as const) {
    test(`${what} that never settles: ${how} ends the copy at once`, async () => {
      const remains = countRemains()
      const controller = new AbortController()
      const reason = new Error('enough')
      const options: CopyManagerOptions = { signal: controller.signal, deadlines: DEADLINES }
      let tell: () => void = () => undefined
      const called = new Promise<void>((resolve) => {
        tell = resolve
      })
      const { producer = oneRow(), receivers = [new NullReceiver()], onFault, started } = make(tell)
      const manager = new CopyManager(producer, receivers, options)
      const copying = (async () => {
        if (started === undefined) return manager.run(onFault === undefined ? {} : { onFault })
        await manager.open()
        started(manager)
        for await (const _ of manager);
        return undefined
      })()
      copying.catch(() => undefined)
      await soon(called, `${what} is called`)
      if (how === 'its signal') controller.abort(reason)
      else await soon(assert.rejects(manager.close(), CopyAborted), 'close()')
      const error = await soon(
        copying.then(
          () => assert.fail('the copy came to an end'),
          (error: unknown) => error,
        ),
        'the end of the copy',
      )
      assert.ok(error instanceof CopyAborted, String(error))
      assert.equal(error.cause, how === 'its signal' ? reason : undefined)
      assert.deepEqual(error.warnings, [])
      await remains.assertNoneLeft()
    })
  }
}

test('a source that never answers again after the ring was full is not asked again by an abort', async () => {
  let asked = 0
  const producer = new IteratorProducer({
    [Symbol.asyncIterator]: () => ({
      async next() {
        asked += 1
        return asked < 100 ? { done: false, value: 'x'.repeat(64) } : never
      },
    }),
  })
  const manager = new CopyManager(producer, [new NullReceiver()], {
    ring: { slots: 2, slotBytes: 64 },
    deadlines: DEADLINES,
  })
  await manager.open()
  await manager.next()
  // the loop stands still, and with it the producer, in the middle of a chunk
  let before = -1
  while (before !== asked) {
    before = asked
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.ok(asked < 100, 'the ring was never full')
  await soon(assert.rejects(manager.close(), CopyAborted), 'close()')
  assert.equal(asked, before)
})
