// Receivers that do not come to the copy: rows 1 to 5.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { freePort } from '../../scripts/postgres/port.js'
import { keepBackFrom, startProxy } from '../support/proxy.js'
import { type Cause, into, type Row } from './stage.js'

const row1: Row = {
  row: 1,
  what: 'a target that cannot be reached',
  causes: [
    {
      what: 'nobody listens on its port',
      stage: async (place) => ({
        receiver: into(place, { connection: { ...place.connection, port: await freePort(new Set()) } }),
      }),
      expected: { code: 'COPY_CONNECT', phase: 'connect', message: /ECONNREFUSED/ },
      alsoAborting: true,
    },
    {
      what: 'its name is no host',
      stage: (place) => ({
        receiver: into(place, { connection: { ...place.connection, host: 'nowhere.invalid' } }),
      }),
      expected: { code: 'COPY_CONNECT', phase: 'connect', message: /nowhere\.invalid/ },
    },
  ],
}

/** A server that keeps back its first message of this type and all behind it. */
const silentFrom = (type: string, what: string): Cause => ({
  what,
  options: { deadlines: { connect: 500 } },
  stage: async (place) => {
    const proxy = await startProxy(place.server, keepBackFrom(type).makeRelay)
    return {
      receiver: into(place, {
        connection: { ...proxy.connection, password: place.connection.password as string },
      }),
      undo: () => proxy.close(),
    }
  },
  expected: { code: 'COPY_CONNECT', phase: 'connect' },
})

const row2: Row = {
  row: 2,
  what: 'a target that falls silent before it is ready',
  causes: [
    {
      what: 'it accepts and says nothing',
      options: { deadlines: { connect: 500 } },
      stage: async (place) => {
        const listener = createServer((client) => client.on('error', () => undefined).resume())
        listener.listen(0, '127.0.0.1')
        await once(listener, 'listening')
        const { port } = listener.address() as AddressInfo
        return {
          receiver: into(place, { connection: { ...place.connection, port } }),
          undo: async () => {
            listener.close()
            await once(listener, 'close')
          },
        }
      },
      expected: { code: 'COPY_CONNECT', phase: 'connect' },
      alsoAborting: true,
    },
    silentFrom('R', 'it does not answer the authentication'),
    silentFrom('S', 'it stops after the authentication'),
    silentFrom('Z', 'it never says that it is ready'),
  ],
}

const row3: Row = {
  row: 3,
  what: 'a target whose TLS is not what was asked for',
  causes: [
    {
      what: 'it has none',
      stage: (place) => ({
        receiver: into(place, { connection: { ...place.connection, sslmode: 'require' } }),
      }),
      expected: { code: 'COPY_TLS', phase: 'connect' },
      alsoAborting: true,
    },
  ],
}

const asUser =
  (user: string): Cause['stage'] =>
  (place) => ({
    receiver: into(place, { connection: { ...place.connection, user } }),
  })

const row4: Row = {
  row: 4,
  what: 'a target that lets nobody in',
  causes: [
    {
      what: 'there is no such role',
      stage: asUser('nobody_here'),
      expected: { code: 'COPY_CONNECT', phase: 'connect', sqlState: '28000' },
      alsoAborting: true,
    },
    {
      what: 'the role has too many connections',
      stage: asUser('busy'),
      expected: { code: 'COPY_CONNECT', phase: 'connect', sqlState: '53300' },
    },
  ],
}

const refusing = (what: string, stage: Cause['stage'], sqlState?: string): Cause => ({
  what,
  stage,
  expected: {
    phase: 'start',
    ...(sqlState === undefined ? { code: 'COPY_OPTION' } : { code: 'COPY_SERVER', sqlState }),
  },
})

const row5: Row = {
  row: 5,
  what: 'a target that refuses the COPY',
  causes: [
    {
      ...refusing(
        'there is no such table',
        (place) => ({ receiver: into(place, { statement: 'COPY nothing FROM STDIN' }) }),
        '42P01',
      ),
      alsoAborting: true,
    },
    refusing('the role may not write', asUser('reader'), '42501'),
    refusing(
      'the session is read-only',
      (place) => ({ receiver: into(place, { before: ['SET TRANSACTION READ ONLY'] }) }),
      '25006',
    ),
    refusing(
      'the statement fails before it',
      (place) => ({ receiver: into(place, { before: ['SELECT 1 / 0'] }) }),
      '22012',
    ),
    refusing('it is no COPY FROM', (place) => ({
      receiver: into(place, { statement: `COPY ${place.table} TO STDOUT` }),
    })),
  ],
}

export const CONNECTING: readonly Row[] = [row1, row2, row3, row4, row5]
