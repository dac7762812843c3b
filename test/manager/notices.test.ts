import assert from 'node:assert/strict'
import { beforeEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { CopyManager, type CopyManagerEvents } from '../../src/index.js'
import { notification, parameterStatus } from '../support/backend-messages.js'
import { startFleet } from '../support/fleet.js'
import { relay } from '../support/relay.js'
import { fromTable, intoTable, iterate, once, story, until } from '../support/story.js'

const fleet = await startFleet(2)
const ROWS = 20_000
const RING = { slots: 2, slotBytes: 4096 }

await fleet.everywhere(`
  CREATE TABLE t (i int, s text);
  CREATE FUNCTION tell(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
    IF i % 1000 = 0 THEN RAISE WARNING '%', i; ELSE RAISE NOTICE '%', i; END IF; RETURN i; END $$;
  CREATE FUNCTION tell_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM tell(NEW.i); RETURN NEW; END $$`)
await fleet.source.query(`INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, ${ROWS}) AS i`)
beforeEach(() => fleet.onTargets('TRUNCATE t'))

type Notice = CopyManagerEvents['notice']

/** Every notice of every row, in the order of the rows, with every thousandth a warning. */
const assertOfEveryRow = (notices: readonly Notice[]): void => {
  assert.deepEqual(
    notices.map(([{ message }]) => Number(message)),
    Array.from({ length: ROWS }, (_, i) => i + 1),
  )
  for (const [{ severity, message }] of notices)
    assert.equal(severity, Number(message) % 1000 === 0 ? 'WARNING' : 'NOTICE')
}

story(
  'a notice for every row, from the source and from both targets, causes no deadlock and keeps its order',
  async () => {
    for (const target of fleet.targets)
      await target.query('CREATE TRIGGER tell BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION tell_row()')
    try {
      const from = fromTable(fleet.source, '(SELECT tell(i), s FROM t)')
      const manager = new CopyManager(
        from,
        fleet.targets.map((target) => intoTable(target, 't')),
        { ring: RING },
      )
      const told = new Map<string | undefined, Notice[]>()
      const early = new Set<string>()
      manager.on('notice', (...notice) => {
        const [, receiver] = notice
        const list = told.get(receiver) ?? []
        list.push(notice)
        told.set(receiver, list)
        // seen before the end: the source has not delivered everything yet
        if (manager.stats().messages < ROWS) early.add(`${receiver ?? 'source'}: ${notice[0].severity}`)
      })
      const all = 2 * 3
      await iterate(manager, {
        cycle: async () => {
          // the first warnings are on their way, and the loop stands still far from the end
          if (manager.stats().messages > 2000 && early.size < all)
            await until(() => early.size === all, 'notices and warnings of all ends are told in mid-copy')
        },
      })
      assert.deepEqual(new Set(told.keys()), new Set([undefined, 'target1', 'target2']))
      const ends = ['source', 'target1', 'target2']
      assert.deepEqual(early, new Set(ends.flatMap((end) => [`${end}: NOTICE`, `${end}: WARNING`])))
      for (const notices of told.values()) assertOfEveryRow(notices)
      await fleet.assertEqual('t')
    } finally {
      for (const target of fleet.targets) await target.query('DROP TRIGGER tell ON t')
    }
  },
)

// PostgreSQL delivers notifications to a session only between transactions, and LISTEN takes effect at COMMIT: so what
// another session sends in mid-copy to a receiver that listens in its own transaction is lost, and what the
// receiver's own transaction sends arrives with the answer to its COMMIT.
story(
  'NOTIFY from another session disturbs no copy, and the one of the copy itself comes with its COMMIT',
  async () => {
    const [first, second] = fleet.targets as [Server, Server]
    const manager = new CopyManager(
      fromTable(fleet.source, 't'),
      [
        intoTable(first, 't', { before: ['LISTEN ch'], after: [`SELECT pg_notify('ch', 'loaded')`] }),
        intoTable(second, 't'),
      ],
      { ring: RING },
    )
    const told: unknown[] = []
    manager.on('notification', ({ channel, payload }, receiver) => {
      told.push({ channel, payload, receiver, state: manager.outcomes[0]?.state })
    })
    await iterate(manager, { cycle: once(() => first.query(`NOTIFY ch, 'in mid-copy'`)) })
    assert.deepEqual(told, [{ channel: 'ch', payload: 'loaded', receiver: 'target1', state: 'committing' }])
    await fleet.assertEqual('t')
  },
)

// The protocol allows both at any moment, and poolers send them: here a relay before real servers does.
story(
  'notifications and parameter changes in mid-copy reach the caller from both ends, in order',
  async () => {
    const [first, second] = fleet.targets as [Server, Server]
    const EVERY = 1000
    let rows = 0
    const source = await relay(fleet.source, ({ type, bytes }) => {
      if (type !== 'd' || ++rows % EVERY !== 0) return undefined
      const said = String(rows)
      const more = [notification('source', said), parameterStatus('application_name', said)]
      return { do: 'replace', bytes: Buffer.concat([bytes, ...more]) }
    })
    const target = await relay(first)
    try {
      const manager = new CopyManager(
        fromTable({ connection: source.connection } as Server, 't'),
        [intoTable(first, 't', { connection: target.connection }), intoTable(second, 't')],
        { ring: RING },
      )
      const told: { from: string | undefined; what: string; early: boolean }[] = []
      const tell = (from: string | undefined, what: string) =>
        told.push({ from, what, early: manager.stats().messages < ROWS })
      manager.on('notification', ({ channel, payload }, from) => tell(from, `${channel} ${payload}`))
      manager.on('parameter', ({ parameter, value }, from) => {
        if (parameter === 'application_name') tell(from, `parameter ${value}`)
      })
      const of = (name: string | undefined) => told.filter(({ from }) => from === name)
      await iterate(manager, {
        cycle: once(async () => {
          for (let i = 1; i <= 3; i++) {
            target.inject(notification('target', String(i)))
            target.inject(parameterStatus('application_name', String(i)))
          }
          // the loop stands still, and what servers say comes all the same
          await until(() => of('target1').length === 6, 'all six are told in mid-copy')
        }),
      })
      assert.deepEqual(
        of('target1').map(({ what, early }) => [what, early]),
        [1, 2, 3].flatMap((i) => [
          [`target ${i}`, true],
          [`parameter ${i}`, true],
        ]),
      )
      assert.deepEqual(
        of(undefined).map(({ what }) => what),
        Array.from({ length: ROWS / EVERY }, (_, i) => (i + 1) * EVERY).flatMap((rows) => [
          `source ${rows}`,
          `parameter ${rows}`,
        ]),
      )
      assert.equal(of(undefined)[0]?.early, true)
      await fleet.assertEqual('t')
    } finally {
      await source.close()
      await target.close()
    }
  },
)
