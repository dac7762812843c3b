import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { copy, fromRows, type SessionSettings, type Slice } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import { story } from '../support/story.js'

/** What both servers are set to: each of it would change what values mean, leave rows out, or end a long copy. */
const HOSTILE = {
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'sql_standard',
  extra_float_digits: '0',
  TimeZone: 'Asia/Kolkata',
  lc_monetary: 'POSIX',
  synchronize_seqscans: 'on',
  row_security: 'on',
  statement_timeout: '30min',
  lock_timeout: '30min',
  idle_in_transaction_session_timeout: '30min',
}

/** What a copy works with, whatever the servers are set to. The order of day and month is only for reading. */
const PINNED: Record<string, string> = {
  DateStyle: 'ISO, DMY',
  IntervalStyle: 'postgres',
  extra_float_digits: '3',
  TimeZone: 'UTC',
  lc_monetary: 'C',
  synchronize_seqscans: 'off',
  row_security: 'off',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
}

const fleet = await startFleet(1, { settings: HOSTILE })
const target = fleet.targets[0] as Server
// known since PostgreSQL 17
const [{ newest } = { newest: false }] = await target.query<{ newest: boolean }>(
  `SELECT current_setting('server_version_num')::int >= 170000 AS newest`,
)
if (newest) {
  PINNED.transaction_timeout = '0'
  await Promise.all(
    fleet.all.map(async (server) => {
      await server.query('ALTER SYSTEM SET transaction_timeout = 1800000')
      await server.query('SELECT pg_reload_conf()')
    }),
  )
}
await target.query('CREATE TABLE seen (name text, setting text)')
beforeEach(() => target.query('TRUNCATE seen'))

const SEEN = `SELECT name, setting FROM pg_settings WHERE name IN (${[...Object.keys(PINNED), 'work_mem']
  .map((name) => `'${name}'`)
  .join(', ')})`

/** The settings under which a copy reads at the source and writes at the target. */
const seen = async (
  session?: SessionSettings,
  own?: { readonly from?: SessionSettings; readonly to?: SessionSettings },
  connection: Server['connection'] = target.connection,
): Promise<{ source: Record<string, string>; target: Record<string, string> }> => {
  let text = ''
  await copy({
    from: {
      connection: fleet.source.connection,
      statement: `COPY (${SEEN}) TO STDOUT`,
      ...(own?.from && { session: own.from }),
    },
    to: [
      ({ bytes }: Slice) => {
        text += Buffer.from(bytes).toString()
      },
      {
        connection,
        statement: 'COPY seen FROM STDIN WHERE false',
        before: [`INSERT INTO seen ${SEEN}`],
        rowCount: 'at-most',
        ...(own?.to && { session: own.to }),
      },
    ],
    ...(session && { session }),
  })
  const lines = text.trimEnd().split('\n')
  const rows = await target.query<{ name: string; setting: string }>('SELECT name, setting FROM seen')
  return {
    source: Object.fromEntries(lines.map((line) => line.split('\t') as [string, string])),
    target: Object.fromEntries(rows.map(({ name, setting }) => [name, setting])),
  }
}

const of = (settings: Record<string, string>, names: readonly string[]): Record<string, string | undefined> =>
  Object.fromEntries(names.map((name) => [name, settings[name]]))

story('what values mean is pinned at both ends, and no timeout made for other work is in force', async () => {
  const { source, target } = await seen()
  const names = Object.keys(PINNED)
  assert.deepEqual(of(source, names), PINNED, 'source')
  assert.deepEqual(of(target, names), PINNED, 'target')
})

story("the caller's settings win over the pinned ones, and an end's own over those of the copy", async () => {
  const { source, target } = await seen(
    { timezone: 'Asia/Tokyo', statement_timeout: 600_000, work_mem: '11MB' },
    { from: { TimeZone: 'Africa/Nairobi' }, to: { work_mem: '12MB', datestyle: 'German' } },
  )
  const names = ['TimeZone', 'statement_timeout', 'work_mem', 'IntervalStyle']
  assert.deepEqual(of(source, names), {
    TimeZone: 'Africa/Nairobi',
    statement_timeout: '600000',
    work_mem: '11264',
    IntervalStyle: 'postgres',
  })
  assert.deepEqual(of(target, [...names, 'DateStyle']), {
    TimeZone: 'Asia/Tokyo',
    statement_timeout: '600000',
    work_mem: '12288',
    IntervalStyle: 'postgres',
    DateStyle: 'German, DMY',
  })
})

story('a pooler may report another version than the server has', async () => {
  const other = (bytes: Buffer): Buffer =>
    Buffer.from(bytes.toString('latin1').replace(/server_version\0\d/, 'server_version\0' + '0'), 'latin1')
  const proxy = await relay(target, ({ bytes }) => ({ do: 'replace', bytes: other(bytes) }))
  try {
    const settings = (await seen(undefined, undefined, proxy.connection)).target
    assert.deepEqual(of(settings, Object.keys(PINNED)), PINNED)
  } finally {
    await proxy.close()
  }
})

story(
  'a setting that is a list, a setting that no extension defines, and values that need quotes arrive as given',
  async () => {
    await target.query(
      'CREATE SCHEMA IF NOT EXISTS "o\'ther"; CREATE TABLE IF NOT EXISTS "o\'ther".only_here (s text)',
    )
    const value = "back\\slash 'quote'"
    await copy({
      from: fromRows([['x']]),
      to: [
        {
          connection: target.connection,
          statement: 'COPY only_here FROM STDIN',
          session: { SEARCH_PATH: 'public, "o\'ther"', 'my.a$b': value, standard_conforming_strings: 'off' },
          before: [`INSERT INTO only_here SELECT current_setting('my.a$b')`],
        },
      ],
    })
    const rows = await target.query<{ s: string }>('SELECT s FROM "o\'ther".only_here')
    assert.deepEqual(
      rows.map(({ s }) => s),
      [value, 'x'],
    )
  },
)
