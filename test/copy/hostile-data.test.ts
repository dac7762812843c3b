// Data that goes wrong, or that looks as if it would: what the target loads is what the source has, or nothing.
import assert from 'node:assert/strict'
import type { Server } from '../../scripts/postgres/server.js'
import { type CopyError, copy } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { assertSame, fromTable, intoTable, story } from '../support/story.js'

const fleet = await startFleet(2)
const [first, second] = fleet.targets as [Server, Server]
const MAX_COLUMNS = 1600
/** So small that a row of some kilobytes goes through the whole ring. */
const TINY = { slots: 2, slotBytes: 4096 }

await fleet.everywhere(
  `CREATE TABLE t (i int, s text);
   CREATE TABLE widest (${Array.from({ length: MAX_COLUMNS }, (_, i) => `c${i} int`).join(', ')})`,
)

/** What the targets hold after these bytes, which are cut into rows as they come. */
const loaded = async (format: string, ...bytes: (string | Buffer)[]): Promise<unknown[]> => {
  const statement = `COPY t FROM STDIN (FORMAT ${format})`
  await copy({
    from: bytes.map((part) => Buffer.from(part as string)),
    to: fleet.targets.map((target) => intoTable(target, 't', { statement, before: ['TRUNCATE t'] })),
  })
  await assertSame(fleet.targets, 't')
  return first.query('SELECT i, s FROM t ORDER BY i')
}

story('hostile data: the last line may lack its end, in text and in CSV', async () => {
  const rows = [
    { i: 1, s: 'one' },
    { i: 2, s: 'two' },
  ]
  assert.deepEqual(await loaded('text', '1\tone\n2\ttwo'), rows)
  assert.deepEqual(await loaded('csv', '1,one\n2,', 'two'), rows)
})

story('hostile data: lines that end with CRLF throughout are lines', async () => {
  assert.deepEqual(await loaded('csv', '1,one\r\n', '2,two\r\n'), [
    { i: 1, s: 'one' },
    { i: 2, s: 'two' },
  ])
})

const WRONG: Readonly<
  Record<string, readonly [format: string, bytes: Buffer, sqlState: string, says: RegExp]>
> = {
  'ends of line of two kinds': ['csv', Buffer.from('1,one\n2,two\r\n'), '22P04', /carriage return/],
  'a NUL': ['text', Buffer.from('1\ta\0b\n'), '22021', /invalid byte sequence/],
  'bytes that are no UTF-8': [
    'text',
    Buffer.from([0x31, 9, 0xc3, 0x28, 10]),
    '22021',
    /invalid byte sequence/,
  ],
  'a binary signature that is none': [
    'binary',
    Buffer.concat([Buffer.from('PGCOPX\n\xff\r\n\0', 'latin1'), Buffer.alloc(8), Buffer.from([255, 255])]),
    '22P04',
    /signature/,
  ],
  'a binary file that ends in a row': [
    'binary',
    Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8), Buffer.from([0, 2, 0, 0])]),
    '22P04',
    /unexpected EOF/,
  ],
}
for (const [what, [format, bytes, sqlState, says]] of Object.entries(WRONG)) {
  story(`hostile data: ${what} is each target's own fault, and nothing is loaded`, async () => {
    await fleet.everywhere('TRUNCATE t')
    const statement = `COPY t FROM STDIN (FORMAT ${format})`
    const faults: (CopyError | undefined)[] = []
    const error = await copy({
      from: [bytes],
      to: fleet.targets.map((target) => intoTable(target, 't', { statement })),
      onFault: ({ faults: told }) => {
        faults.push(...told.values())
      },
    }).catch((error: unknown) => error)
    assert.equal((error as CopyError).code, 'COPY_FAILED', String(error))
    assert.equal(faults.length, 2)
    for (const fault of faults) {
      assert.deepEqual([fault?.code, fault?.sqlState], ['COPY_SERVER', sqlState], fault?.message)
      assert.match(fault?.message ?? '', says)
    }
    await fleet.assertEmpty('t')
  })
}

for (const format of ['text', 'csv', 'binary']) {
  story(
    `hostile data: rows of ${MAX_COLUMNS} columns, and none at all, through a ring that no row fits into, ${format}`,
    async () => {
      const options = ` (FORMAT ${format})`
      await fleet.everywhere('TRUNCATE widest')
      const run = () =>
        copy({
          from: {
            connection: fleet.source.connection,
            statement: `COPY widest TO STDOUT${options}`,
          },
          to: [first, second].map((target) =>
            intoTable(target, 'widest', { statement: `COPY widest FROM STDIN${options}` }),
          ),
          ring: TINY,
        })
      assert.equal((await run()).rows, 0)
      const row = Array.from({ length: MAX_COLUMNS }, (_, i) => `i * 1000000 + ${i}`).join(', ')
      await fleet.source.query(`INSERT INTO widest SELECT ${row} FROM generate_series(1, 20) AS i`)
      assert.equal((await run()).rows, 20)
      await assertSame(fleet.all, 'widest')
    },
  )
}

story('hostile data: a row larger than the ring, between small ones', async () => {
  await fleet.everywhere('TRUNCATE t')
  await fleet.source.query(
    `INSERT INTO t SELECT i, repeat('x', CASE i WHEN 2 THEN 100000 WHEN 3 THEN 5000 ELSE i END) FROM generate_series(1, 5) AS i`,
  )
  await copy({
    from: fromTable(fleet.source, 't'),
    to: fleet.targets.map((target) => intoTable(target, 't')),
    ring: TINY,
  })
  await assertSame(fleet.all, 't')
})
