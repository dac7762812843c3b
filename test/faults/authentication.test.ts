import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after } from 'node:test'
import { inspect } from 'node:util'
import type { Server } from '../../scripts/postgres/server.js'
import { type CopyError, copy } from '../../src/index.js'
import { type AuthScript, nonceOf, type Peer, say, startAuthServer } from '../support/auth-server.js'
import { serveTls } from '../support/certificates.js'
import { startFleet } from '../support/fleet.js'
import { asSource, asTarget, faultsWithout } from '../support/login.js'
import { story } from '../support/story.js'
import { startTlsRelay } from '../support/tls-relay.js'

const password = 'canary-Auth7'
const faultOf = faultsWithout(password)
const fleet = await startFleet(1, { password, settings: { superuser_reserved_connections: '0' } })
const [source, target] = fleet.all as [Server, Server]
for (const server of fleet.all) {
  await serveTls(server, 'addressed')
  await server.query('CREATE TABLE t (s text)')
}
await source.query(`INSERT INTO t SELECT md5(i::text) FROM generate_series(1, 1000) AS i`)

const ENDS = [asSource, asTarget]

story('row 4: a wrong password and a role that may not connect hold up no other receiver', async () => {
  await target.query('TRUNCATE t')
  for (const [connection, sqlState] of [
    [{ ...target.connection, password: 'wrong' }, '28P01'],
    [{ ...target.connection, user: 'nobody_known' }, '28P01'],
    [{ ...target.connection, database: 'no_database' }, '3D000'],
  ] as const)
    for (const attempt of ENDS) {
      const fault = await faultOf(attempt(connection))
      assert.deepEqual([fault.code, fault.sqlState, fault.phase], ['COPY_CONNECT', sqlState, 'connect'])
    }
  const { receivers } = await copy({
    from: { connection: source.connection, statement: 'COPY t TO STDOUT' },
    to: [
      { connection: target.connection, statement: 'COPY t FROM STDIN' },
      { connection: { ...target.connection, password: 'wrong' }, statement: 'COPY t FROM STDIN' },
      () => {},
    ],
    onFault: 'isolate',
  })
  assert.deepEqual(
    receivers.map(({ state, fault }) => [state, fault?.sqlState]),
    [
      ['committed', undefined],
      ['dropped', '28P01'],
      ['completed', undefined],
    ],
  )
  await fleet.assertEqual('t')
})

story('row 4: pg_hba.conf has no line for us: 28000', async () => {
  const admin = await target.client({ host: target.socketConnection.host })
  const [{ file }] = (await target.query(`SELECT current_setting('hba_file') AS file`)) as [{ file: string }]
  const before = readFileSync(file, 'utf8')
  const rule = async (text: string): Promise<void> => {
    await admin.query(
      `COPY (SELECT unnest(string_to_array($$${text}$$, E'\\n'))) TO PROGRAM 'cat > pg_hba.conf'`,
    )
    await admin.query('SELECT pg_reload_conf(), pg_sleep(0.2)')
  }
  try {
    await rule('local all all trust\n')
    for (const attempt of ENDS) {
      const fault = await faultOf(attempt(target.connection))
      assert.deepEqual([fault.code, fault.sqlState], ['COPY_CONNECT', '28000'])
    }
  } finally {
    await rule(before)
    await admin.end()
  }
})

story('row 4: too many connections: 53300', async () => {
  await target.query(`CREATE ROLE lone LOGIN PASSWORD '${password}' CONNECTION LIMIT 0`)
  for (const attempt of ENDS) {
    const fault = await faultOf(attempt({ ...target.connection, user: 'lone' }))
    assert.deepEqual([fault.code, fault.sqlState], ['COPY_CONNECT', '53300'])
  }
})

story('row 4: a server that is shutting down: 57P03', async () => {
  const held = await target.client()
  const pid = target.pid as number
  // a smart shutdown waits for this client, and refuses all others
  process.kill(pid, 'SIGTERM')
  try {
    for (const attempt of ENDS) {
      let fault = await faultOf(attempt(target.connection))
      // the signal may arrive after us
      for (let i = 0; i < 100 && fault.sqlState === undefined; i++)
        fault = await faultOf(attempt(target.connection))
      assert.deepEqual([fault.code, fault.sqlState], ['COPY_CONNECT', '57P03'])
    }
  } finally {
    await held.end()
    await target.stop()
    await target.start()
  }
})

story('a password that is missing is named', async () => {
  const { password: _, ...connection } = source.connection
  for (const attempt of ENDS) {
    const fault = await faultOf(attempt(connection))
    assert.equal(fault.code, 'COPY_CONNECT')
    assert.match(fault.message, /asks for a password, and none was given/)
  }
})

story(
  'SCRAM is bound to the certificate: a man in the middle with another certificate is detected',
  async () => {
    const relay = await startTlsRelay(source, () => 'named')
    after(() => relay.close())
    const through = `host=127.0.0.1 port=${relay.port} user=postgres dbname=postgres password=${password} sslmode=require`
    for (const attempt of ENDS) {
      // the relay works: who does not bind, passes
      await attempt(`${through} channel_binding=disable`)
      for (const words of ['', ' channel_binding=require']) {
        const fault = await faultOf(attempt(through + words))
        assert.equal(fault.code, 'COPY_CONNECT')
        assert.match(fault.message, /SCRAM channel binding check failed/)
      }
    }
    await relay.close()
  },
)

story(
  'channel_binding=require refuses a connection that is not encrypted, and a server that does not offer it',
  async () => {
    const words = `user=postgres dbname=postgres password=${password} channel_binding=require`
    const { port } = source.connection
    const folder = source.socketConnection.host
    for (const where of [`host=127.0.0.1 port=${port} sslmode=disable`, `host=${folder} port=${port}`])
      for (const attempt of ENDS) {
        const fault = await faultOf(attempt(`${where} ${words}`))
        assert.equal(fault.code, 'COPY_TLS')
        assert.match(fault.message, /channel_binding=require: the server does not offer SCRAM-SHA-256-PLUS/)
      }
    for (const first of [
      say.sasl('SCRAM-SHA-256'),
      say.cleartext,
      say.md5,
      Buffer.concat([say.ok, say.key, say.ready]),
    ])
      await scripted(
        { start: ({ send }) => send(first) },
        'sslmode=require channel_binding=require',
        (fault, told) => {
          assert.equal(fault.code, 'COPY_TLS')
          assert.equal(told.answers, 0)
        },
      )
  },
)

/** Lets both ends connect to a script and gives what came of it, and how many messages of ours it heard. */
const scripted = async (
  script: AuthScript,
  words: string,
  prove: (fault: CopyError, told: { answers: number }) => void,
): Promise<void> => {
  for (const attempt of ENDS) {
    const server = await startAuthServer(script)
    try {
      const where = `host=127.0.0.1 port=${server.port} user=postgres password=${password}`
      const fault = await faultOf(attempt(`${where} ${words}`))
      await Promise.all(server.heard.map(({ closed }) => closed))
      prove(fault, { answers: server.heard[0]?.answers.length ?? 0 })
    } finally {
      await server.close()
    }
  }
}

const first = async ({ send, answer }: Peer, rounds: number): Promise<string> => {
  const hello = answer()
  send(say.sasl('SCRAM-SHA-256'))
  const nonce = nonceOf(await hello)
  return `r=${nonce}servers,s=${Buffer.from('salt').toString('base64')},i=${rounds}`
}

story('a SCRAM exchange of 2^31 - 1 rounds is refused before any hashing', async () => {
  for (const rounds of [2 ** 31 - 1, 1_000_001]) {
    const start = async (peer: Peer): Promise<void> => peer.send(say.saslContinue(await first(peer, rounds)))
    const { user } = process.cpuUsage()
    await scripted({ start }, '', (fault, { answers }) => {
      assert.equal(fault.code, 'COPY_PROTOCOL', inspect(fault))
      assert.match(fault.message, new RegExp(`iteration count ${rounds} exceeds`))
      assert.equal(answers, 1)
    })
    assert.ok(process.cpuUsage().user - user < 20_000_000)
  }
})

const FALSE_SIGNATURE = `v=${Buffer.alloc(32, 7).toString('base64')}`

for (const [what, start, text, most] of [
  [
    'AuthenticationOk in the place of the SCRAM challenge',
    async (peer) => {
      await first(peer, 4096)
      peer.send(say.ok, say.key, say.ready)
    },
    /without proving that it knows the password/,
    1,
  ],
  [
    'AuthenticationOk in the place of the proof',
    async (peer) => {
      const challenge = await first(peer, 4096)
      const proof = peer.answer()
      peer.send(say.saslContinue(challenge))
      await proof
      peer.send(say.ok, say.key, say.ready)
    },
    /without proving that it knows the password/,
    2,
  ],
  [
    'a false proof',
    async (peer) => {
      const challenge = await first(peer, 4096)
      const proof = peer.answer()
      peer.send(say.saslContinue(challenge))
      await proof
      peer.send(say.saslFinal(FALSE_SIGNATURE), say.ok, say.key, say.ready)
    },
    /server signature does not match/,
    2,
  ],
  [
    'challenge, proof and Ok all at once',
    async (peer) => {
      const challenge = await first(peer, 4096)
      peer.send(say.saslContinue(challenge), say.saslFinal(FALSE_SIGNATURE), say.ok, say.key, say.ready)
    },
    /SASL|signature|not SASLResponse/,
    2,
  ],
  [
    'two challenges',
    async (peer) => {
      const challenge = await first(peer, 4096)
      peer.send(say.saslContinue(challenge), say.saslContinue(challenge))
    },
    /sent authenticationSASLContinue where it does not belong/,
    2,
  ],
  [
    'a request for the password as it stands, in the middle of SCRAM',
    async (peer) => {
      await first(peer, 4096)
      peer.send(say.cleartext)
    },
    /sent authenticationCleartextPassword where it does not belong/,
    1,
  ],
  [
    'two requests for a password',
    ({ send }) => send(say.cleartext, say.cleartext),
    /where it does not belong/,
    1,
  ],
  ['ReadyForQuery without any authentication', ({ send }) => send(say.ready), /sent readyForQuery where/, 0],
  [
    'a key without any authentication',
    ({ send }) => send(say.key, say.ready),
    /sent backendKeyData where/,
    0,
  ],
  [
    'a challenge that nothing was asked before',
    ({ send }) => send(say.saslContinue('r=x,s=c2FsdA==,i=1')),
    /sent authenticationSASLContinue/,
    0,
  ],
  [
    'a request for a password after AuthenticationOk',
    ({ send }) => send(say.ok, say.cleartext),
    /sent authenticationCleartextPassword/,
    0,
  ],
  ['a way of authentication that pg does not know', ({ send }) => send(say.kerberos), /message type 7/, 0],
] as const satisfies readonly (readonly [string, (peer: Peer) => Promise<void> | void, RegExp, number])[]) {
  story(`a server that sends ${what} is out of the protocol, in the clear and under TLS`, async () => {
    for (const words of ['sslmode=disable', 'sslmode=require'])
      await scripted({ start }, words, (fault, { answers }) => {
        assert.equal(fault.code, 'COPY_PROTOCOL', inspect(fault))
        assert.match(fault.message, text)
        assert.ok(answers <= most, `${answers} answers`)
      })
  })
}

story('require_auth refuses what it does not name, before any answer', async () => {
  const asks: [string, Buffer][] = [
    ['password', say.cleartext],
    ['md5', say.md5],
    ['none', Buffer.concat([say.ok, say.key, say.ready])],
    ['scram-sha-256', say.sasl('SCRAM-SHA-256')],
  ]
  for (const [method, message] of asks) {
    const others = asks.map(([name]) => name).filter((name) => name !== method)
    for (const words of [others.join(','), `!${method}`])
      await scripted(
        { start: ({ send }) => send(message) },
        `require_auth=${words}`,
        (fault, { answers }) => {
          assert.equal(fault.code, 'COPY_CONNECT')
          assert.match(fault.message, new RegExp(`require_auth allows ${others.length === 3 ? '' : 'never'}`))
          assert.equal(answers, 0)
        },
      )
  }
  const { port } = source.connection
  for (const words of ['scram-sha-256', '!password,!md5', 'scram-sha-256,none'])
    for (const attempt of ENDS)
      await attempt(
        `host=127.0.0.1 port=${port} user=postgres dbname=postgres password=${password} require_auth=${words}`,
      )
})
