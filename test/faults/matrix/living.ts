// Receivers whose thread, backend or server ends, stands still or talks: rows 18 to 24.
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import type { Server } from '../../../scripts/postgres/server.js'
import { CallReceiver, type CopyManager } from '../../../src/index.js'
import { notification, parameterStatus } from '../../support/backend-messages.js'
import { relay } from '../../support/relay.js'
import { copyBackend, goOn, terminateCopy } from '../../support/story.js'
import { startThrottled } from '../../support/throttle.js'
import { type Cause, into, ROWS, type Row } from './stage.js'

const MODULE = new URL('../../fixtures/receivers.js', import.meta.url)

const module_ =
  (exportName: string): Cause['stage'] =>
  (place) => ({
    receiver: new CallReceiver(MODULE, { name: place.name, exportName }),
  })

const row18: Row = {
  row: 18,
  what: 'a worker that ends or throws',
  causes: [
    {
      what: 'it calls process.exit',
      stage: module_('exits'),
      expected: { code: 'COPY_WORKER' },
      alsoAborting: true,
    },
    {
      what: 'its function throws',
      stage: module_('throws'),
      expected: { code: 'COPY_CALLABLE', message: /not today/ },
    },
    {
      what: 'its function rejects',
      stage: module_('rejects'),
      expected: { code: 'COPY_CALLABLE', message: /not today either/ },
    },
    {
      what: 'it is out of memory',
      stage: (place) => {
        // for threads that start from now on
        setFlagsFromString('--max-old-space-size=48')
        return {
          receiver: new CallReceiver(MODULE, { name: place.name, exportName: 'hoards' }),
          undo: () => setFlagsFromString('--max-old-space-size=2048'),
        }
      },
      expected: { code: 'COPY_WORKER' },
    },
  ],
}

const row19: Row = {
  row: 19,
  what: 'a worker that never answers',
  causes: [
    {
      what: 'its function spins',
      stage: module_('spins'),
      options: { deadlines: { thread: 1500 } },
      expected: { code: 'COPY_WORKER', message: /stood still/ },
    },
  ],
}

const row21: Row = {
  row: 21,
  what: 'a target that is slow',
  causes: [
    {
      what: 'it takes 64 KiB a second, and is dropped',
      isWide: true,
      options: { lag: { policy: 'drop', seconds: 0.4 } },
      stage: async (place) => {
        const line = await startThrottled(place.server, 64 * 1024)
        const { port } = line.connection
        return {
          receiver: into(place, { connection: { ...place.connection, port } }),
          undo: () => line.close(),
        }
      },
      expected: { code: 'COPY_LAG', phase: 'copy' },
    },
  ],
}

/** A backend that does nothing from the middle of the copy on, until it is let go on. */
const stopped: Cause['stage'] = (place) => {
  let pid = 0
  const resume = (): void => {
    if (pid !== 0) goOn(pid)
  }
  return {
    receiver: into(place),
    act: async () => {
      pid = await copyBackend(place.server, place.table)
      process.kill(pid, 'SIGSTOP')
    },
    undo: resume,
  }
}

const row22: Row = {
  row: 22,
  what: 'a backend that is stopped, or waits for a lock',
  causes: [
    {
      what: 'stopped for longer than deadlines.stall',
      stage: stopped,
      isWide: true,
      // longer than a well one waits for its turn on a busy machine
      options: { deadlines: { stall: 1500, abort: 300 } },
      expected: { code: 'COPY_STALLED', phase: 'copy' },
    },
    {
      what: 'its COPY waits for a lock for longer than deadlines.start',
      isAlone: true,
      options: { deadlines: { start: 2000 } },
      stage: async (place) => {
        const holder = await place.server.client()
        await holder.query(`BEGIN; LOCK TABLE ${place.table}`)
        return { receiver: into(place), undo: () => holder.end() }
      },
      expected: { code: 'COPY_TIMEOUT', phase: 'start' },
    },
  ],
}

/** Of one copy: its receivers share a server, which is restarted once. */
const restarts = new Map<Server, Promise<void>>()
const restarted = (server: Server): Promise<void> => {
  const running = restarts.get(server) ?? server.stop().then(() => server.start())
  restarts.set(server, running)
  return running
}

const row23: Row = {
  row: 23,
  what: 'a backend that is terminated or cancelled',
  causes: [
    {
      what: 'terminated',
      heals: true,
      stage: (place) => ({ receiver: into(place), act: () => terminateCopy(place.server, place.table) }),
      // 57P01, unless a write met the reset before that was read: Node then gives the socket up. All rows may have been
      // written by then
      expected: {
        retryable: true,
        message: /terminating connection due to administrator command|lost the connection/,
      },
    },
    {
      what: 'cancelled',
      stage: (place) => ({
        receiver: into(place),
        act: async () =>
          place.server.query('SELECT pg_cancel_backend($1)', [await copyBackend(place.server, place.table)]),
      }),
      expected: { code: 'COPY_SERVER', sqlState: '57014' },
    },
    {
      what: 'its server is restarted',
      isWide: true,
      isAlone: true,
      stage: (place) => ({
        receiver: into(place),
        act: () => restarted(place.server),
        undo: () => restarts.delete(place.server),
      }),
      // what it said last may be lost with its connection
      expected: { phase: 'copy', retryable: true },
    },
  ],
}

/** What a server says unasked, seldom in mid-copy, as the events of its kind. */
const heardOf = new Map<CopyManager, string[]>()
const saying = (what: string, event: 'notification' | 'parameter', bytes: Buffer): Cause => ({
  what,
  stage: async (place) => {
    const proxy = await relay(place.server)
    const { port } = proxy.connection
    return {
      receiver: into(place, { connection: { ...place.connection, port } }),
      act: () => proxy.inject(bytes),
      undo: () => proxy.close(),
    }
  },
  begin: (manager) => {
    heardOf.set(manager, [])
    manager.on(event, (said: object) => heardOf.get(manager)?.push(JSON.stringify(said)))
  },
  expected: { state: 'committed' },
  assert: (manager, { faulted }) =>
    assert.equal(heardOf.get(manager)?.filter((said) => said.includes(TOLD)).length, faulted),
})

const TOLD = 'told in mid-copy'

const notices = new Map<CopyManager, number>()

const row24: Row = {
  row: 24,
  what: 'a server that talks in mid-copy',
  causes: [
    {
      what: 'a notice for every row',
      stage: async (place) => {
        await place.server.query(`
        CREATE OR REPLACE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW.i; RETURN NEW; END $$;
        CREATE TRIGGER tell BEFORE INSERT ON ${place.table} FOR EACH ROW EXECUTE FUNCTION tell()`)
        return { receiver: into(place) }
      },
      begin: (manager) => {
        manager.on('notice', () => notices.set(manager, (notices.get(manager) ?? 0) + 1))
      },
      expected: { state: 'committed' },
      assert: (manager, { faulted }) => assert.equal(notices.get(manager), faulted * ROWS),
    },
    saying('a notification', 'notification', notification('news', TOLD)),
    saying('a parameter that changes', 'parameter', parameterStatus('application_name', TOLD)),
  ],
}

export const LIVING: readonly Row[] = [row18, row19, row21, row22, row23, row24]
