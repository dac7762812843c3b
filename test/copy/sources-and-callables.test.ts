import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { digestOf } from '../../scripts/demo/digest.js'
import {
  CallReceiver,
  type CopyError,
  CopyFailed,
  CopyManager,
  copy,
  IteratorProducer,
  NullProducer,
  NullReceiver,
  ReceiverFault,
  type Slice,
  StatementReceiver,
} from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { story, until } from '../support/story.js'

const fleet = await startFleet(2)
const MODULE = new URL('../fixtures/receivers.js', import.meta.url)

await fleet.everywhere('CREATE TABLE t (i int, s text)')
await fleet.source.query(`INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 50000) AS i`)

/** Collects what a callable is given. */
const collector = () => {
  const slices: Slice[] = []
  return {
    slices,
    take: (slice: Slice) => slices.push(slice),
    bytes: () => Buffer.concat(slices.map(({ bytes }) => bytes)),
  }
}

/** As assert.equal, but of a long text it shows where the first difference is. */
const sameText = (actual: Buffer, expected: string, what: string): void => {
  const text = actual.toString()
  if (text === expected) return
  let at = 0
  while (text[at] === expected[at]) at++
  const around = (of: string) => JSON.stringify(of.slice(Math.max(0, at - 50), at + 50))
  assert.fail(
    `${what}: ${text.length} of ${expected.length} characters; at ${at}: ${around(text)} is not ${around(expected)}`,
  )
}

story('a copy from a null producer to a null receiver ends', async () => {
  const result = await copy({ from: new NullProducer(), to: [new NullReceiver(), new NullReceiver()] })
  assert.deepEqual({ messages: result.messages, bytes: result.bytes }, { messages: 0, bytes: 0 })
  assert.deepEqual(
    result.receivers.map(({ name, state }) => [name, state]),
    [
      ['receiver 1', 'completed'],
      ['receiver 2', 'completed'],
    ],
  )
})

story('rows of an iterator reach a callable byte for byte, and no slice cuts one', async () => {
  const rows = Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i}\t${'x'.repeat(i % 300)}\n`))
  for (const ring of [{}, { slots: 2, slotBytes: 512 }, { slots: 3, slotBytes: 4096 }]) {
    const { slices, take, bytes } = collector()
    const batches = Array.from({ length: 50 }, (_, i) => rows.slice(i * 100, (i + 1) * 100))
    const result = await copy({ from: batches, to: [take], ring })
    assert.deepEqual(bytes(), Buffer.concat(rows))
    assert.equal(result.messages, 5000)
    assert.equal(result.rows, 5000)
    assert.ok(slices.every((slice) => slice.continues === false && slice.bytes.at(-1) === 10))
    assert.deepEqual(
      slices.map(({ sequence }) => sequence),
      slices.map((_, i) => i),
    )
  }
})

story('rows larger than a slot and than the ring pass through marked as continuing', async () => {
  const rows = [randomBytes(100_000), randomBytes(10), randomBytes(5000)]
  const { slices, take, bytes } = collector()
  await copy({ from: [rows], to: [take], ring: { slots: 3, slotBytes: 1024 } })
  assert.deepEqual(bytes(), Buffer.concat(rows))
  assert.equal(
    slices.filter((slice) => !slice.continues).reduce((sum, { messages }) => sum + messages, 0),
    3,
  )
  assert.ok(slices.some((slice) => slice.continues))
})

story('a Readable, a web stream, an async generator and a function returning one are sources', async () => {
  const chunks = Array.from({ length: 40 }, (_, i) => Buffer.from(`${i}\t${'y'.repeat(i * 50)}\n`))
  const web = () => new Response(new Uint8Array(Buffer.concat(chunks))).body as ReadableStream<Uint8Array>
  const generator = async function* () {
    yield* chunks
  }
  for (const from of [
    Readable.from(chunks),
    web() as unknown as AsyncIterable<Uint8Array>,
    generator(),
    generator,
    async () => generator(),
    chunks.map(String),
  ]) {
    const { take, bytes } = collector()
    const result = await copy({ from, to: [take], ring: { slots: 2, slotBytes: 256 } })
    assert.deepEqual(bytes(), Buffer.concat(chunks))
    assert.equal(result.rows, undefined)
  }
})

story(
  'an iterator loads tables, and where it cannot count, the receivers are compared with each other',
  async () => {
    const text = (
      await fleet.source.query<{ line: string }>(`SELECT i || E'\\t' || s AS line FROM t ORDER BY i`)
    ).map(({ line }) => `${line}\n`)
    const to = fleet.targets.map(({ connection }) => ({
      connection,
      statement: 'COPY t FROM STDIN',
      before: ['TRUNCATE t'],
    }))
    const counted = await copy({ from: [text], to })
    assert.equal(counted.rows, 50_000)
    await fleet.assertEqual('t')
    // in slices of less than a row
    const few = 5000
    const trickle = function* () {
      const all = Buffer.from(text.slice(0, few).join(''))
      const sizes = [1, 2, 3, 5, 11, 129]
      for (let at = 0, k = 0; at < all.length; k++) {
        const size = sizes[k % sizes.length] as number
        yield all.subarray(at, at + size)
        at += size
      }
    }
    const loose = await copy({ from: trickle(), to, ring: { slots: 2, slotBytes: 64 } })
    assert.equal(loose.rows, few)
    const expected = await digestOf(fleet.source, `(SELECT * FROM t WHERE i <= ${few})`)
    for (const target of fleet.targets) assert.deepEqual(await digestOf(target, 't'), expected)
    await assert.rejects(
      copy({
        from: [Buffer.from('1\tone\n2\ttwo\n')],
        to: to.map((receiver, i) => ({
          ...receiver,
          statement: i === 0 ? 'COPY t FROM STDIN' : 'COPY t FROM STDIN WHERE i > 1',
        })),
      }),
      (error: CopyFailed) => error.message.includes('1 rows were loaded but another receiver loaded 2'),
    )
  },
)

story(
  'a table into a callable and into a module in a worker gives the same bytes as psql would',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
    try {
      process.env.COPYMAN_TEST_FILE = join(folder, 'out')
      const { take, bytes } = collector()
      const lent: Buffer[] = []
      const zeroCopy = new CallReceiver(async (slice) => void lent.push(Buffer.from(slice.bytes)), {
        zeroCopy: true,
        name: 'lent',
      })
      const result = await copy({
        from: {
          connection: fleet.source.connection,
          statement: 'COPY (SELECT * FROM t ORDER BY i) TO STDOUT',
        },
        to: [take, new CallReceiver(MODULE), zeroCopy],
        ring: { slots: 3, slotBytes: 10_000 },
      })
      const expected = (
        await fleet.source.query<{ line: string }>(`SELECT i || E'\\t' || s AS line FROM t ORDER BY i`)
      )
        .map(({ line }) => `${line}\n`)
        .join('')
      sameText(bytes(), expected, 'callable')
      sameText(await readFile(join(folder, 'out')), expected, 'module')
      sameText(Buffer.concat(lent), expected, 'lent')
      assert.equal(result.bytes, expected.length)
      assert.deepEqual(
        result.receivers.map(({ name, state }) => [name, state]),
        [
          ['receiver 1', 'completed'],
          ['receiver 2', 'completed'],
          ['lent', 'completed'],
        ],
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)

story(
  'a line \\. ends the data: a list of rows is refused for it, loose chunks load less, as documented',
  async () => {
    const to = fleet.targets.map(({ connection }) => ({
      connection,
      statement: 'COPY t FROM STDIN',
      before: ['TRUNCATE t'],
    }))
    const rows = ['1\tone\n', '\\.\n', '2\ttwo\n']
    await assert.rejects(copy({ from: [rows], to }), {
      code: 'COPY_FAILED',
      message: /1 rows were loaded but the producer sent 3/,
    })
    const loose = await copy({ from: rows, to })
    assert.equal(loose.rows, 1)
  },
)

story("a module that throws, exits, or has no such function is that receiver's fault", async () => {
  const faultOf = async (exportName: string): Promise<CopyError> => {
    const error: unknown = await copy({
      from: [['1\tone\n']],
      to: [new CallReceiver(MODULE, { exportName })],
    }).catch((error) => error)
    assert.ok(error instanceof CopyFailed && error.cause instanceof ReceiverFault, String(error))
    return [...error.cause.faults.values()][0] as CopyError
  }
  const thrown = await faultOf('throws')
  assert.equal(thrown.code, 'COPY_CALLABLE')
  assert.deepEqual({ ...(thrown.cause as object) }, { code: 'NOT_TODAY' })
  assert.equal((thrown.cause as Error).name, 'RangeError')
  assert.equal((await faultOf('exits')).code, 'COPY_WORKER')
  assert.equal((await faultOf('notAFunction')).code, 'COPY_OPTION')
})

story('the cycles of the loop add up to the totals, and the loop sets the pace', async () => {
  const rows = Array.from({ length: 1000 }, () => [Buffer.alloc(1000, 'z')])
  let produced = 0
  const source = function* () {
    for (const row of rows) {
      produced += 1
      yield row
    }
  }
  const manager = new CopyManager(new IteratorProducer(source()), [new NullReceiver()], {
    ring: { slots: 4, slotBytes: 4096 },
  })
  await manager.open()
  const first = await manager.next()
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(produced < 40, `the source was asked for ${produced} rows though the loop stands still`)
  let messages = first.value?.messages ?? 0
  let bytes = first.value?.bytes ?? 0
  for await (const cycle of manager) {
    messages += cycle.messages
    bytes += cycle.bytes
    assert.equal(cycle.pass, 1)
  }
  assert.deepEqual({ messages, bytes }, { messages: 1000, bytes: 1_000_000 })
  assert.deepEqual(
    manager.outcomes.map(({ state, bytes }) => ({ state, bytes })),
    [{ state: 'completed', bytes: 1_000_000 }],
  )
  assert.deepEqual(await manager.next(), { done: true, value: undefined })
  await manager.close()
})

story('a source that trickles is delivered while it is silent, though another receiver is busy', async () => {
  let arrived = 0
  const source = async function* () {
    for (let i = 1; i <= 5; i++) {
      yield [Buffer.from('one\n'), Buffer.from('two\n')]
      await until(() => arrived === 2 * i, `${i} pairs of rows arrive before the source goes on`)
    }
  }
  await copy({
    from: source(),
    to: [
      ({ messages }) => {
        arrived += messages
      },
      // busy with the first slice until the other receiver has all
      () => until(() => arrived === 10, 'all rows arrive at the other receiver'),
    ],
  })
  assert.equal(arrived, 10)
})

story('count and command of a receiver are those of its server', async () => {
  const receiver = new StatementReceiver({
    connection: fleet.targets[0]?.url as string,
    statement: 'COPY t FROM STDIN',
  })
  await copy({ from: [['7\tseven\n', '8\teight\n']], to: [receiver] })
  assert.deepEqual({ count: receiver.count, command: receiver.command }, { count: 2, command: 'COPY 2' })
})
