import assert from 'node:assert/strict'
import { after, before, mock, test } from 'node:test'
import fc from 'fast-check'
import { RingCopy } from '../../../../support/ring-copy.js'
import { checkSlices } from '../../../../support/ring-taker.js'
import { seeded } from '../../../../support/seed.js'
import {
  commandComplete,
  copyDone,
  copyOutResponse,
  items,
  message,
  readyForQuery,
  rowsIn,
  type WireItem,
  wireOf,
} from '../../../../support/wire.js'

// Atomics.waitAsync keeps no thread alive
let alive: NodeJS.Timeout
before(() => {
  alive = setInterval(() => undefined, 1000)
  mock.timers.enable({ apis: ['setTimeout'] })
})
after(() => {
  mock.timers.reset()
  clearInterval(alive)
})

const SHAPES = [2, 3, 64].flatMap((slots) => [64, 256, 4096].map((slotBytes) => ({ slots, slotBytes })))
type Shape = (typeof SHAPES)[number]

/** What happens between two reads. */
type Act = 'nothing' | 'take' | 'release' | 'all' | 'silence'

interface Play {
  readonly rows: readonly WireItem[]
  readonly reads: readonly number[]
  readonly acts: readonly Act[]
  readonly by: 'landed' | 'chunk'
}

const streamOf = (rows: readonly WireItem[]): WireItem[] => {
  const other = (bytes: Buffer): WireItem => ({ isRow: false, bytes })
  return [
    ...[message('1'), message('2'), message('n'), copyOutResponse()].map(other),
    ...rows,
    ...[copyDone(), commandComplete(rows.length), readyForQuery()].map(other),
  ]
}

const play = async (shape: Shape, { rows, reads, acts, by }: Play): Promise<void> => {
  const copy = new RingCopy(shape)
  const stream = streamOf(rows)
  const wire = wireOf(stream)
  for (let at = 0, turn = 0; at < wire.length; turn += 1) {
    const bytes = wire.subarray(at, at + (reads[turn % reads.length] as number))
    const { taken, more } =
      by === 'landed'
        ? copy.read(bytes)
        : { taken: bytes.length, more: copy.intake.chunk(Buffer.from(bytes)) }
    at += taken
    if (!more) await copy.room()
    const act = acts[turn % acts.length]
    if (act === 'take') copy.taker.take()
    else if (act === 'release') copy.taker.release()
    else if (act === 'all') copy.taker.all()
    else if (act === 'silence') mock.timers.tick(5)
    copy.checkView()
  }
  await copy.end()
  const expected = rowsIn(stream)
  checkSlices(copy.taker.taken, expected, shape.slotBytes)
  const { messages, bytes } = copy.parts.writer.totals
  assert.deepEqual({ messages, bytes }, { messages: expected.length, bytes: Buffer.concat(expected).length })
  const others = Buffer.concat(stream.filter(({ isRow }) => !isRow).map((item) => item.bytes))
  assert.ok(Buffer.concat(copy.pg).equals(others), 'pg got other bytes')
}

for (const by of ['landed', 'chunk'] as const) {
  for (const shape of SHAPES) {
    const { slots, slotBytes } = shape
    const capacity = slotBytes - 5
    const largest = Math.min(slots * slotBytes * 2, 20_000)
    const sizes = [0, 1, 12, capacity - 5, capacity - 1, capacity, capacity + 1, 2 * slotBytes]
    const plays = fc.record<Play>({
      rows: items(80, largest, sizes),
      reads: fc.array(
        fc.oneof(
          fc.integer({ min: 1, max: 70 }),
          fc.integer({ min: 1, max: slotBytes }),
          fc.constant(70_000),
        ),
        { minLength: 1, maxLength: 9 },
      ),
      acts: fc.array(fc.constantFrom<Act>('nothing', 'take', 'release', 'all', 'silence'), {
        minLength: 1,
        maxLength: 7,
      }),
      by: fc.constant(by),
    })
    test(`a stream that comes by ${by}() arrives byte for byte through ${slots} slots of ${slotBytes} bytes`, async (t) => {
      await fc.assert(
        fc.asyncProperty(plays, (one) => play(shape, one)),
        seeded(t, 60),
      )
    })
  }

  test(`a row larger than the ring arrives by ${by}(), and the rows around it stay whole`, async () => {
    for (const shape of SHAPES) {
      const rows = [10, shape.slots * shape.slotBytes * 2.5, 0, 20].map((bytes) => ({
        isRow: true,
        bytes: Buffer.alloc(bytes, 'row and row'),
      }))
      await play(shape, { rows, reads: [4000, 70_000], acts: ['take', 'nothing', 'release'], by })
    }
  })
}

test('a COPY that the server refuses goes to pg, and so does all that follows', async () => {
  const copy = new RingCopy({ slots: 2, slotBytes: 64 })
  const answer = Buffer.concat([message('E', 'SERROR\0\0'), readyForQuery(), message('d', 'not a row')])
  await copy.feed(answer)
  assert.deepEqual(Buffer.concat(copy.pg), answer)
  assert.equal(copy.taker.take(), false)
})

test('an error in the middle of the rows goes to pg, and what follows is no row', async () => {
  const copy = new RingCopy({ slots: 3, slotBytes: 256 })
  const error = Buffer.concat([message('E', 'SERROR\0\0'), readyForQuery()])
  await copy.feed(Buffer.concat([copyOutResponse(), message('d', 'one\n'), error]))
  assert.deepEqual(Buffer.concat(copy.pg), Buffer.concat([copyOutResponse(), error]))
})

test('the intake takes a second COPY after the first', async () => {
  const copy = new RingCopy({ slots: 3, slotBytes: 64 })
  const rows = [Buffer.from('one\n'), Buffer.from('two\n')]
  for (const row of rows) {
    await copy.feed(wireOf(streamOf([{ isRow: true, bytes: row }])))
    await copy.end()
    copy.intake.expect(copy.parts.writer)
  }
  checkSlices(copy.taker.taken, rows, 64)
})
