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
} from '../../src/index.js'

const connection = 'postgres://ann@localhost/app'
const manager = (options: object) => () => new CopyManager(new NullProducer(), [new NullReceiver()], options)

test('every illegal option is refused at once, by name and with what is legal', async () => {
  const wrongs: [() => unknown, RegExp][] = [
    [manager({ ring: { slots: 1 } }), /ring\.slots must be a whole number from 2 to 4096, not 1/],
    [
      manager({ ring: { slotBytes: 1e12 } }),
      /ring\.slotBytes must be a whole number from 64 to 67108864, not 1000000000000/,
    ],
    [
      manager({ ring: { slots: 4096, slotBytes: 2 ** 26 } }),
      /needs \d+ bytes of memory; the limit is 1073741824/,
    ],
    [manager({ ring: { slot: 3 } }), /option ring\.slot is unknown; known are slots, slotBytes/],
    [manager({ onfault: 'abort' }), /option onfault is unknown; known are signal, ring/],
    [manager({ deadlines: { connect: -1 } }), /deadlines\.connect must be milliseconds from 0/],
    [manager({ deadlines: { connekt: 1 } }), /option deadlines\.connekt is unknown/],
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

test('a pool that is too small for a copy says so instead of waiting for ever', async () => {
  await using pool = new WorkerPool({ threads: 1 })
  await assert.rejects(
    copy({ from: new NullProducer(), to: [new NullReceiver(), new NullReceiver()], pool }),
    /the pool has 1 threads, the copy needs 2/,
  )
})

test('copies on a shared pool wait for threads all at once, and never for each other', async () => {
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
