import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CallReceiver,
  CopyError,
  CopyManager,
  copy,
  IteratorProducer,
  NullProducer,
  NullReceiver,
  StatementProducer,
  StatementReceiver,
  WorkerPool,
} from '../../../../src/index.js'
import { checkOptions } from '../../../../src/main/options/copy-options.js'

const connection = 'postgres://ann@localhost/app'
const manager = (options: object) => () => new CopyManager(new NullProducer(), [new NullReceiver()], options)

test('every illegal option is refused at once, and the error names the option and its legal values', async () => {
  const wrongs: [() => unknown, RegExp][] = [
    [manager({ ring: { slots: 1 } }), /ring\.slots must be a whole number from 2 to 4096, not 1/],
    [
      manager({ ring: { slotBytes: 1e12 } }),
      /ring\.slotBytes must be a whole number from 64 to 67108864, not 1000000000000/,
    ],
    ...[0, -1, 2.5, 1e12, '4'].flatMap((size): [() => unknown, RegExp][] => [
      [manager({ ring: { slots: size } }), new RegExp(`ring\\.slots must be .* to 4096, not ${size}`)],
      [
        manager({ ring: { slotBytes: size } }),
        new RegExp(`ring\\.slotBytes must be .* 67108864, not ${size}`),
      ],
    ]),
    [
      manager({ ring: { slots: 4096, slotBytes: 2 ** 26 } }),
      /needs \d+ bytes of memory; the limit is 1073741824/,
    ],
    [manager({ ring: { slot: 3 } }), /option ring\.slot is unknown; known are slots, slotBytes/],
    [manager({ onfault: 'abort' }), /option onfault is unknown; known are signal, ring/],
    [manager({ deadlines: { connect: -1 } }), /deadlines\.connect must be milliseconds from 0/],
    [manager({ lag: { policy: 'kill' } }), /lag\.policy must be 'block' or 'drop', not kill/],
    [manager({ lag: 3 }), /lag must be \{ policy: 'block' \} or \{ policy: 'drop', seconds \}/],
    [manager({ lag: { policy: 'drop' } }), /lag\.seconds must be a number greater than 0/],
    [
      manager({ lag: { policy: 'drop', seconds: 0 } }),
      /lag\.seconds must be .* under lag\.policy 'drop', not 0/,
    ],
    [manager({ lag: { policy: 'drop', seconds: '3' } }), /lag\.seconds must be a number/],
    [manager({ lag: { policy: 'block', seconds: 3 } }), /lag\.seconds is for lag\.policy 'drop'/],
    [manager({ lag: { polcy: 'drop' } }), /option lag\.polcy is unknown; known are policy, seconds/],
    [manager({ retry: { times: 1 } }), /option retry is unknown/],
    ...(
      [
        [{ times: -1 }, /retry\.times must be a whole number from 0 to 1000, not -1/],
        [{ times: 1.5 }, /retry\.times must be a whole number/],
        [{}, /retry\.times must be a whole number from 0 to 1000, not undefined/],
        [{ times: 1, backoff: -1 }, /retry\.backoff must be milliseconds from 0 to 60000, not -1/],
        [{ times: 1, backoff: 60_001 }, /retry\.backoff must be milliseconds from 0 to 60000/],
        [{ times: 1, backof: 1 }, /option retry\.backof is unknown; known are times, backoff/],
        [3, /retry must be \{ times, backoff \}/],
      ] as [never, RegExp][]
    ).map(([retry, text]): [() => unknown, RegExp] => [
      () => copy({ from: new NullProducer(), to: [new NullReceiver()], retry }),
      text,
    ]),
    [
      manager({ deadlines: { connekt: 1 } }),
      /option deadlines\.connekt is unknown; known are connect, start, stall, finish, abort, resolve, thread, slow/,
    ],
    [
      manager({ deadlines: { start: '1s' } }),
      /deadlines\.start must be milliseconds from 0 to 2147483647, not 1s/,
    ],
    [
      manager({ deadlines: { finish: Number.NaN } }),
      /deadlines\.finish must be milliseconds from 0 to \d+, not NaN/,
    ],
    [
      manager({ deadlines: { slow: 2 ** 31 } }),
      /deadlines\.slow must be milliseconds from 0 to \d+, not 2147483648/,
    ],
    [manager({ deadlines: { abort: 0 } }), /deadlines\.abort must be at least 1 millisecond, not 0/],
    [manager({ signal: {} }), /signal must be an AbortSignal/],
    [manager({ session: { 'work mem': 1 } }), /session: "work mem" is no name of a server setting/],
    [
      manager({ session: { work_mem: 'a\0b' } }),
      /session\.work_mem must be a string, number or boolean, without NUL/,
    ],
    [() => new CopyManager(new NullProducer(), []), /at least one receiver is needed/],
    [
      () => {
        const one = new NullReceiver()
        return new CopyManager(new NullProducer(), [one, one])
      },
      /the same receiver is given twice/,
    ],
    [() => new StatementProducer({ connection, statement: ' ' }), /from\.statement must be a COPY statement/],
    [
      () => new StatementReceiver({ connection, statement: 'COPY t FROM STDIN', rowCount: 'some' as never }),
      /to\.rowCount must be one of equal, at-most, any, not some/,
    ],
    [
      () =>
        new StatementReceiver({ connection, statement: 'COPY t FROM STDIN', before: 'TRUNCATE t' as never }),
      /to\.before must be a list of SQL strings/,
    ],
    [() => new CallReceiver('not a url' as never), /a CallReceiver takes a function, or the URL of a module/],
    [() => new IteratorProducer(7 as never), /from must be iterable/],
    [() => new IteratorProducer('text' as never), /from is one piece of data; put it into a list/],
    [() => new WorkerPool({ threads: 0 }), /threads must be a whole number from 1 to 4096, not 0/],
    [
      () => copy({ from: new NullProducer(), to: new NullReceiver() as never }),
      /to must be a list of receivers/,
    ],
    [() => copy({ from: new NullProducer(), to: [{} as never] }), /to\[0\] must be a receiver/],
    [
      () => copy({ from: new NullProducer(), to: [new NullReceiver()], onFault: 'ignore' as never }),
      /onFault must be 'abort', 'isolate' or a function, not ignore/,
    ],
  ]
  for (const [make, text] of wrongs) {
    await assert.rejects(
      async () => make(),
      (error: unknown) => {
        assert.ok(error instanceof CopyError && error.code === 'COPY_OPTION', String(error))
        assert.match(error.message, text)
        return true
      },
    )
  }
})

test('deadlines and lag have the documented defaults', () => {
  const { deadlines, lag } = checkOptions({})
  assert.deepEqual(deadlines, {
    connect: 10_000,
    start: 60_000,
    stall: 0,
    finish: 0,
    abort: 5_000,
    resolve: 30_000,
    thread: 5_000,
    slow: 10_000,
  })
  assert.deepEqual(lag, { policy: 'block' })
})

test('a pool that is too small for a copy is refused instead of making the copy wait for ever', async () => {
  await using pool = new WorkerPool({ threads: 1 })
  await assert.rejects(
    copy({ from: new NullProducer(), to: [new NullReceiver(), new NullReceiver()], pool }),
    /the pool has 1 threads, the copy needs 2/,
  )
})

test('copies on a shared pool reserve all their threads at once, and never wait for each other', async () => {
  await using pool = new WorkerPool({ threads: 3 })
  const copies = Array.from({ length: 12 }, (_, i) =>
    copy({
      from: [[`${i}\n`]],
      to: [new NullReceiver(), new NullReceiver(), ...(i % 2 ? [new NullReceiver()] : [])],
      pool,
    }),
  )
  for (const result of await Promise.all(copies))
    assert.ok(result.receivers.every(({ state }) => state === 'completed'))
})
