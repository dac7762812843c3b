// Receivers that do not come to the copy: rows 1 to 5.
import assert from 'node:assert/strict'
import { freePort } from '../../../scripts/postgres/port.js'
import type { StatementReceiver } from '../../../src/index.js'
import { type AuthScript, say, startAuthServer } from '../../support/auth-server.js'
import { certificatePath } from '../../support/certificates.js'
import { silentServer } from '../../support/listener.js'
import { relay } from '../../support/relay.js'
import { CANARY, type Cause, into, type Place, type Row } from './stage.js'

const row1: Row = {
  row: 1,
  what: 'a target that cannot be reached',
  causes: [
    {
      what: 'its port has no listener',
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

/** As `place`, but by way of a port of ours. */
const near = (place: Place, port: number, more: object = {}): StatementReceiver =>
  into(place, { connection: { ...place.connection, host: 'localhost', port, ...more } })

const LATE = { deadlines: { connect: 1000 } }
const SILENT = { code: 'COPY_CONNECT', phase: 'connect', message: /deadlines\.connect/ } as const

/** A server that takes the connection, answers what it is first sent with these bytes, and says nothing more. */
const silentBehind = (what: string, answer: string, more: object = {}): Cause => ({
  what,
  options: LATE,
  stage: async (place) => {
    const server = await silentServer((client) =>
      client.once('data', () => answer !== '' && client.write(answer)),
    )
    return { receiver: near(place, server.port, more), undo: () => server.close() }
  },
  expected: SILENT,
})

/** A server that keeps back its n-th message of this type and all later messages. */
const silentAt = (what: string, type: string, nth = 1): Cause => ({
  what,
  options: LATE,
  stage: async (place) => {
    let seen = 0
    const proxy = await relay(place.server, (frame) => {
      if (frame.direction === 'to-client' && frame.type === type && ++seen === nth)
        return { do: 'hold', until: new Promise(() => undefined) }
      return undefined
    })
    return { receiver: near(place, proxy.connection.port), undo: () => proxy.close() }
  },
  expected: SILENT,
})

const row2: Row = {
  row: 2,
  what: 'a target that falls silent before it is ready',
  causes: [
    { ...silentBehind('it accepts and says nothing', ''), alsoAborting: true },
    silentBehind('it does not answer SSLRequest', '', { sslmode: 'require' }),
    silentBehind('it stops in the TLS handshake', 'S', { sslmode: 'require' }),
    silentAt('it does not ask for the password', 'R', 1),
    silentAt('it does not go on with SCRAM', 'R', 2),
    silentAt('it does not end SCRAM', 'R', 3),
    silentAt('it does not say that the password is right', 'R', 4),
    silentAt('it stops after the authentication', 'S'),
    silentAt('it never says that it is ready', 'Z'),
  ],
}

/** A server that offers TLS as the script says; not one byte may come to it after SSLRequest. */
const distrusted = (what: string, script: AuthScript, words: object, message: RegExp): Cause => ({
  what,
  stage: async (place) => {
    const server = await startAuthServer(script)
    return {
      receiver: near(place, server.port, { hostaddr: '127.0.0.1', ...words }),
      undo: async () => {
        await server.close()
        for (const { plainBytes, tlsBytes } of server.heard)
          assert.deepEqual([plainBytes, tlsBytes], [0, 0], what)
      },
    }
  },
  expected: { code: 'COPY_TLS', phase: 'connect', message },
})

const VERIFY = { sslmode: 'verify-full', sslrootcert: certificatePath('ca.crt') }
const REQUIRE = { sslmode: 'require' }

const row3: Row = {
  row: 3,
  what: 'a target whose TLS is not what was asked for',
  causes: [
    {
      what: 'it has none',
      stage: (place) => ({ receiver: into(place, { connection: { ...place.connection, ...REQUIRE } }) }),
      expected: { code: 'COPY_TLS', phase: 'connect' },
      alsoAborting: true,
    },
    distrusted(
      'a certificate of another authority',
      { certificate: 'addressed' },
      { ...VERIFY, sslrootcert: certificatePath('server.crt') },
      /unable to verify|self.signed/,
    ),
    distrusted('a certificate for another name', { certificate: 'other' }, VERIFY, /altnames|cert's list/),
    distrusted('an expired certificate', { certificate: 'expired' }, VERIFY, /expired/),
    distrusted('it says N', { answer: 'N' }, REQUIRE, /does not offer TLS/),
    distrusted('it says S and more', { answer: 'Sx' }, REQUIRE, /sent 2 bytes where one answers/),
  ],
}

const asUser =
  (user: string, more: object = {}): Cause['stage'] =>
  (place) => ({
    receiver: into(place, { connection: { ...place.connection, user, ...more } }),
  })

const refusedLogin = (what: string, sqlState: string, stage: Cause['stage'], retryable = false): Cause => ({
  what,
  stage,
  expected: { code: 'COPY_CONNECT', phase: 'connect', sqlState, retryable },
})

const row4: Row = {
  row: 4,
  what: 'a target that refuses the login',
  causes: [
    {
      ...refusedLogin('a wrong password', '28P01', asUser('postgres', { password: `not the ${CANARY}` })),
      alsoAborting: true,
    },
    refusedLogin('the role may not log in', '28000', asUser('guest')),
    refusedLogin('the role has too many connections', '53300', asUser('busy'), true),
    refusedLogin(
      'the server starts up',
      '57P03',
      async (place) => {
        const server = await startAuthServer({
          start: ({ send }) => send(say.error('57P03', 'the database system is starting up')),
        })
        return { receiver: near(place, server.port), undo: () => server.close() }
      },
      true,
    ),
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
