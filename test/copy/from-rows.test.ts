import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyError, copy, type FromRowsOptions, fromRows, type Rows } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { failsWith, iterate, story } from '../support/story.js'

const fleet = await startFleet(1)
const target = fleet.targets[0] as Server
const COLUMNS = [
  'id',
  'big',
  'exact',
  'real',
  'ok',
  'at',
  'what',
  'raw',
  'ints',
  'grid',
  'words',
  { name: 'doc', as: 'json' },
] as const

await target.query(`CREATE TABLE values (id int, big bigint, exact numeric, real float8, ok boolean, at timestamptz,
  what text, raw bytea, ints int[], grid int[][], words text[], doc jsonb)`)
beforeEach(() => target.query('TRUNCATE values'))

const AWKWARD = [
  '',
  'a\tb',
  'a\nb',
  'a\r\nb',
  '\\',
  '\\N',
  '\\.',
  'NULL',
  '"',
  '""',
  "'",
  ',',
  ' x ',
  '{a,b}',
  'naïve 🦀',
  '\u0001',
  '\\x41',
]

const ROWS = AWKWARD.map((what, i) => ({
  id: i,
  big: 2n ** 62n + BigInt(i),
  exact: '12345678901234567890.123456789',
  real: [0.1, -1.5, 1e308, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324][i % 7],
  ok: i % 2 === 0,
  at: new Date(Date.UTC(2024, 1, i + 1, 12, 34, 56, 789)),
  what,
  raw: Buffer.from([0, i, 0x5c, 0x0a, 0xff]),
  ints: i % 3 === 0 ? [] : [i, null, -i],
  grid: [
    [1, 2],
    [3, i],
  ],
  words: [what, null, 'x'],
  doc: [what, i, null, { nested: [what] }][i % 4] ?? { what },
}))

const load = (rows: Rows, options: FromRowsOptions): Promise<unknown> => {
  const names = (options.columns ?? COLUMNS).map((column) =>
    typeof column === 'string' ? column : column.name,
  )
  return copy({
    from: fromRows(rows, options),
    to: [
      {
        connection: target.connection,
        statement: `COPY values (${names.join(', ')}) FROM STDIN (FORMAT ${options.format ?? 'text'})`,
      },
    ],
  })
}

/** The same rows, given to PostgreSQL as parameters by pg. */
const asParameters = async (): Promise<unknown[]> => {
  await target.query('CREATE TABLE IF NOT EXISTS expected (LIKE values)')
  await target.query('TRUNCATE expected')
  for (const row of ROWS) {
    const values = Object.values({ ...row, doc: JSON.stringify(row.doc), big: String(row.big) })
    await target.query(
      `INSERT INTO expected VALUES (${values.map((_, i) => `$${i + 1}`).join(', ')})`,
      values,
    )
  }
  return target.query('SELECT t::text FROM expected AS t ORDER BY id')
}

for (const format of ['text', 'csv'] as const) {
  story(`JavaScript values arrive in ${format} as pg's own parameters do`, async () => {
    const expected = await asParameters()
    await load(ROWS, { columns: COLUMNS, format })
    assert.deepEqual(await target.query('SELECT t::text FROM values AS t ORDER BY id'), expected)
  })

  story(`arrays, null and undefined in ${format}, from a generator`, async () => {
    async function* rows() {
      yield [1, null]
      yield [2, undefined]
      yield [3, 'x']
    }
    await load(rows(), { columns: ['id', 'what'], format })
    assert.deepEqual(await target.query('SELECT id, what FROM values ORDER BY id'), [
      { id: 1, what: null },
      { id: 2, what: null },
      { id: 3, what: 'x' },
    ])
  })
}

story('instants of distant years arrive unchanged', async () => {
  const instants = [
    '-000001-12-31T23:59:59.000Z',
    '0000-01-01T00:00:00.000Z',
    '0099-01-01T00:00:00.000Z',
    '+012024-02-29T01:02:03.004Z',
  ]
  await load(
    instants.map((at, id) => ({ id, at: new Date(at) })),
    { columns: ['id', 'at'] },
  )
  const rows = await target.query<{ ms: string }>(
    'SELECT (extract(epoch FROM at) * 1000)::bigint::text AS ms FROM values ORDER BY id',
  )
  assert.deepEqual(
    rows.map(({ ms }) => Number(ms)),
    instants.map((at) => Date.parse(at)),
  )
})

story('the sign of a zero is kept', async () => {
  await load([{ real: -0 }], { columns: ['real'] })
  assert.deepEqual(await target.query('SELECT real::text FROM values'), [{ real: '-0' }])
})

story('a list of rows feeds a further pass', async () => {
  const { CopyManager, IteratorProducer, StatementReceiver } = await import('../../src/index.js')
  const rows = Array.from({ length: 1000 }, (_, id) => ({ id }))
  const into = () =>
    new StatementReceiver({ connection: target.connection, statement: 'COPY values (id) FROM STDIN' })
  const manager = new CopyManager(new IteratorProducer(fromRows(rows)), [into()])
  await manager.open()
  manager.attach(into())
  await iterate(manager)
  assert.deepEqual(
    await target.query('SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids FROM values'),
    [{ rows: 2000, ids: 1000 }],
  )
})

const refused: [what: string, rows: Rows, options: FromRowsOptions, text: RegExp][] = [
  ['a function', [{ id: 1 }, { id: () => 1 }], {}, /row 2, column id: a function has no COPY form/],
  ['text with NUL', [['a'], ['b\0']], {}, /row 2, column 1: text with NUL/],
  ['half a character', [{ what: '\ud800' }], {}, /row 1, column what: text with half of a surrogate pair/],
  ['an invalid Date', [{ at: new Date(Number.NaN) }], {}, /row 1, column at: an invalid Date/],
  ['a Map', [{ doc: new Map() }], {}, /row 1, column doc: a Map has no COPY form/],
  ['another number of values', [[1, 2], [1]], {}, /row 2 has 1 values, not 2/],
  [
    'a key more than the first row',
    [{ id: 1 }, { id: 2, what: 'x' }],
    {},
    /row 2 has what, which the first row does not have/,
  ],
  ['no row at all', [1 as never], {}, /row 1 is a number, not an array or an object/],
  [
    'an endless object',
    [
      {
        doc: (() => {
          const o: Record<string, unknown> = {}
          o.o = o
          return o
        })(),
      },
    ],
    {},
    /row 1, column doc: not to be written as JSON/,
  ],
]

for (const [what, rows, options, text] of refused) {
  story(`${what} is refused by row and column, and nothing is loaded`, async () => {
    const error = await failsWith(load(rows, { columns: undefined as never, ...options }))
    assert.match(error.message, text)
    await fleet.assertEmpty('values')
  })
}

story('illegal options are refused by name', () => {
  for (const [rows, options, text] of [
    [[], { format: 'binary' }, /format must be 'text' or 'csv', not binary/],
    [[], { columns: ['a', 'a'] }, /columns must be different names, not "a"/],
    [[], { columns: [{ name: 'a', as: 'xml' }] }, /as must be 'json', not xml/],
    [7, {}, /rows must be iterable/],
  ] as [never, never, RegExp][]) {
    assert.throws(
      () => fromRows(rows, options),
      (error: unknown) =>
        error instanceof CopyError && error.code === 'COPY_OPTION' && text.test(error.message),
    )
  }
})
