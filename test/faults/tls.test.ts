import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import type { Server } from '../../scripts/postgres/server.js'
import { type ConnectionInput, copy } from '../../src/index.js'
import { type AuthScript, type AuthServer, startAuthServer } from '../support/auth-server.js'
import { type Certificate, certificatePath, privateFolder, serveTls } from '../support/certificates.js'
import { startFleet } from '../support/fleet.js'
import { asSource, asTarget, faultsWithout } from '../support/login.js'
import { story } from '../support/story.js'
import { startTlsRelay } from '../support/tls-relay.js'

const password = 'canary-Tls7'
const faultOf = faultsWithout(password)
const [source, withoutTls] = (await startFleet(1, { password })).all as [Server, Server]
await serveTls(source, 'addressed')
await withoutTls.query('CREATE TABLE t (s text)')
await source.query('CREATE TABLE t (s text)')

// libpq's usual files are looked for here, and found only where a test puts them
const home = privateFolder()
const before = { ...process.env }
process.env.HOME = home
after(() => {
  process.env = before
})

const ca = certificatePath('ca.crt')
const stranger = certificatePath('server.crt')
const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

/** A keyword string for a server, followed by TLS parameters. */
const reach = ({ connection }: Server, words: string): string =>
  `host=127.0.0.1 port=${connection.port} user=postgres dbname=postgres password=${password} ${words}`

const IS_ENCRYPTED = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'

/** What a query gives on a connection of the copy's. */
const ask = async (connection: ConnectionInput, sql: string): Promise<string> => {
  let text = ''
  await copy({
    from: { connection, statement: `COPY (${sql}) TO STDOUT` },
    to: [
      (slice) => {
        text += slice.bytes.toString()
      },
    ],
  })
  return text.trim()
}

/** Servers know direct TLS from 17 on. */
const [{ direct }] = (await source.query(
  `SELECT current_setting('server_version_num')::int >= 170000 AS direct`,
)) as [{ direct: boolean }]
const directly = (words: string): string[] => (direct ? [`${words} sslnegotiation=direct`] : [])

/** Whether the server says that a source's connection is encrypted. */
const sourceEncrypted = async (connection: ConnectionInput): Promise<boolean> =>
  (await ask(connection, IS_ENCRYPTED)) === 't'

/** Whether the server says that a target's connection is encrypted. */
const targetEncrypted = async (server: Server, connection: ConnectionInput): Promise<boolean> => {
  await server.query('TRUNCATE t')
  await copy({
    from: ['a row\n'],
    to: [{ connection, statement: 'COPY t FROM STDIN', after: [`INSERT INTO t ${IS_ENCRYPTED}`] }],
  })
  const [row] = await server.query('SELECT s FROM t WHERE s IN ($1, $2)', ['true', 'false'])
  return row?.s === 'true'
}

const scripted = async <T>(script: AuthScript, use: (server: AuthServer) => Promise<T>): Promise<T> => {
  const server = await startAuthServer(script)
  try {
    return await use(server)
  } finally {
    await server.close()
  }
}

const near = (server: AuthServer, words: string, host = 'localhost'): string =>
  `host=${host} hostaddr=127.0.0.1 port=${server.port} user=postgres password=${password} ${words}`

for (const [what, certificate, words, host, text] of [
  [
    'a certificate of another authority',
    'addressed',
    `sslmode=verify-ca sslrootcert=${stranger}`,
    'localhost',
    /unable to verify|self.signed/,
  ],
  [
    'an authority that is not asked for with require',
    'addressed',
    `sslmode=require sslrootcert=${stranger}`,
    'localhost',
    /unable to verify|self.signed/,
  ],
  [
    'another name',
    'named',
    `sslmode=verify-full sslrootcert=${ca}`,
    'db.copyman.test',
    /does not match certificate's altnames/,
  ],
  [
    'another address',
    'other',
    `sslmode=verify-full sslrootcert=${ca}`,
    '127.0.0.1',
    /127\.0\.0\.1 is not in the cert's list: 127\.0\.0\.2/,
  ],
  [
    'an address, and the certificate names localhost',
    'named',
    `sslmode=verify-full sslrootcert=${ca}`,
    '127.0.0.1',
    /127\.0\.0\.1 is not in the cert's list/,
  ],
  ['an expired certificate', 'expired', `sslmode=verify-full sslrootcert=${ca}`, 'localhost', /expired/],
  [
    'an expired certificate, by verify-ca',
    'expired',
    `sslmode=verify-ca sslrootcert=${ca}`,
    'localhost',
    /expired/,
  ],
  [
    'a revoked certificate',
    'revoked',
    `sslmode=verify-full sslrootcert=${ca} sslcrl=${certificatePath('ca.crl')}`,
    'localhost',
    /revoked/,
  ],
  [
    'a certificate that no authority of node signed',
    'named',
    'sslrootcert=system',
    'localhost',
    /unable to (verify|get)/,
  ],
] as const satisfies readonly (readonly [string, Certificate, string, string, RegExp])[]) {
  story(`row 3: ${what} is a TLS fault, and nothing at all is sent`, async () => {
    for (const attempt of [asSource, asTarget])
      for (const direct of [false, true])
        await scripted({ certificate, direct, alpn: ['postgresql'] }, async (server) => {
          const all = `${words}${direct ? ' sslnegotiation=direct' : ''}${direct && words.startsWith('sslroot') ? ' sslmode=verify-full' : ''}`
          const fault = await faultOf(attempt(near(server, all, host)))
          assert.equal(fault.code, 'COPY_TLS', inspect(fault))
          assert.equal(fault.phase, 'connect')
          assert.match(fault.message, text)
          await Promise.all(server.heard.map(({ closed }) => closed))
          assert.equal(server.heard.length, 1)
          const [{ requests, plainBytes, tlsBytes, answers } = assert.fail()] = server.heard
          assert.deepEqual(requests, direct ? [] : ['ssl'])
          assert.deepEqual([direct ? 0 : plainBytes, tlsBytes, answers.length], [0, 0, 0])
        })
  })
}

for (const [what, answer, text] of [
  ['N', 'N', /does not offer TLS, which sslmode=require asks for/],
  ['S and more', 'Sx', /sent 2 bytes where one answers/],
  ['S and a whole message', `S${'R\0\0\0\x08\0\0\0\x03'}`, /sent 10 bytes where one answers/],
  ['N and more', 'NN', /sent 2 bytes where one answers/],
  ['an error', 'E', /answered the request for TLS with an error/],
  ['an old error', 'EFATAL:  unsupported frontend protocol\0', /answered the request for TLS with an error/],
  ['another byte', 'X', /byte 88, which is neither S nor N/],
] as const) {
  story(
    `row 3: ${what} as the answer to SSLRequest ends the connection before anything is sent`,
    async () => {
      for (const attempt of [asSource, asTarget])
        await scripted({ answer }, async (server) => {
          const fault = await faultOf(attempt(near(server, 'sslmode=require')))
          assert.equal(fault.code, 'COPY_TLS', inspect(fault))
          assert.match(fault.message, text)
          await Promise.all(server.heard.map(({ closed }) => closed))
          assert.deepEqual(
            server.heard.map(({ requests, plainBytes }) => [requests, plainBytes]),
            [[['ssl'], 0]],
          )
        })
    },
  )
}

story(
  "row 3: pg's own ssl checks an address against the certificate's addresses, and nothing is sent",
  async () => {
    // a certificate for `localhost` was taken for any address
    for (const attempt of [asSource, asTarget])
      for (const [certificate, sslnegotiation] of [
        ['named', 'postgres'],
        ['other', 'postgres'],
        ['named', 'direct'],
      ] as const)
        await scripted({ certificate, direct: sslnegotiation === 'direct' }, async (server) => {
          const fault = await faultOf(
            attempt({
              host: '127.0.0.1',
              port: server.port,
              user: 'postgres',
              password,
              ssl: { ca: readFileSync(ca, 'utf8') },
              sslnegotiation,
            }),
          )
          assert.equal(fault.code, 'COPY_TLS')
          assert.match(fault.message, /127\.0\.0\.1 is not in the cert's list/)
          await Promise.all(server.heard.map(({ closed }) => closed))
          assert.equal(server.heard[0]?.tlsBytes, 0)
        })
  },
)

story("pg's own ssl with certificates as bytes reaches both ends", async () => {
  const { connection } = source
  const pgs = {
    ...connection,
    ssl: { ca: [readFileSync(stranger), readFileSync(ca)] },
    require_auth: 'scram-sha-256',
  }
  assert.equal(await sourceEncrypted(pgs), true)
  assert.equal(await targetEncrypted(source, pgs), true)
  assert.equal(await sourceEncrypted({ ...pgs, ssl: { rejectUnauthorized: false } }), true)
})

story('row 3: a real server with a certificate for another host is refused, and sees no login', async () => {
  const log = (await source.log()).length
  await source.query(`ALTER SYSTEM SET log_connections = 'on'`)
  await source.query('SELECT pg_reload_conf()')
  const words = `sslmode=verify-full sslrootcert=${ca} application_name=refused`
  for (const attempt of [asSource, asTarget]) {
    const fault = await faultOf(
      attempt(reach(source, words).replace('host=127.0.0.1', 'host=other.example hostaddr=127.0.0.1')),
    )
    assert.equal(fault.code, 'COPY_TLS')
  }
  await source.query('ALTER SYSTEM RESET log_connections')
  await source.query('SELECT pg_reload_conf()')
  assert.doesNotMatch((await source.log()).slice(log), /application_name=refused/)
})

// what docs/connections.md says, cell by cell
const TABLE: Readonly<Record<(typeof MODES)[number], readonly string[]>> = {
  disable: ['no', 'no', 'no', 'plain'],
  allow: ['only if plain is refused', 'if there is a root certificate', 'no', 'plain'],
  prefer: ['if the server offers it', 'if there is a root certificate', 'no', 'plain'],
  require: ['yes', 'if there is a root certificate', 'no', 'refused'],
  'verify-ca': ['yes', 'yes', 'no', 'refused'],
  'verify-full': ['yes', 'yes', 'yes', 'refused'],
}

story('docs/connections.md has the table of sslmode that these tests prove', () => {
  const text = readFileSync(new URL('../../../docs/connections.md', import.meta.url), 'utf8')
  const rows = text.split('\n').filter((line) => /^\| `[a-z-]+` \|/.test(line))
  for (const mode of MODES) {
    const cells = rows
      .find((row) => row.startsWith(`| \`${mode}\` |`))
      ?.split('|')
      .map((cell) => cell.trim())
    assert.deepEqual(cells?.slice(2, 6), TABLE[mode], mode)
  }
})

for (const mode of MODES) {
  const [encrypted, checked, named, otherwise] = TABLE[mode]
  const root = mode.startsWith('verify') ? `sslrootcert=${ca}` : ''

  story(`sslmode=${mode}: a server with TLS, one without, at both ends`, async () => {
    const isEncrypted = encrypted === 'yes' || encrypted === 'if the server offers it'
    assert.equal(await sourceEncrypted(reach(source, `sslmode=${mode} ${root}`)), isEncrypted)
    assert.equal(await targetEncrypted(source, reach(source, `sslmode=${mode} ${root}`)), isEncrypted)
    const plain = reach(withoutTls, `sslmode=${mode} ${root}`)
    if (otherwise === 'plain') {
      assert.equal(await sourceEncrypted(plain), false)
      assert.equal(await targetEncrypted(withoutTls, plain), false)
    } else {
      for (const attempt of [asSource, asTarget]) {
        const fault = await faultOf(attempt(plain))
        assert.equal(fault.code, 'COPY_TLS')
        assert.match(fault.message, new RegExp(`does not offer TLS, which sslmode=${mode} asks for`))
      }
    }
  })

  story(
    `sslmode=${mode}: what it makes of an authority, a name, and a missing root certificate`,
    async () => {
      const wrongName = `host=other.example hostaddr=127.0.0.1 sslrootcert=${ca}`
      const connection = reach(source, `sslmode=${mode} ${wrongName}`).replace('host=127.0.0.1 ', '')
      if (named === 'yes') assert.equal((await faultOf(asSource(connection))).code, 'COPY_TLS')
      else await asSource(connection)

      const wrongAuthority = reach(source, `sslmode=${mode} sslrootcert=${stranger}`)
      if (checked === 'no' || mode === 'allow') assert.equal(await sourceEncrypted(wrongAuthority), false)
      // as libpq does: it is only a preference
      else if (mode === 'prefer') assert.equal(await sourceEncrypted(wrongAuthority), false)
      else assert.equal((await faultOf(asSource(wrongAuthority))).code, 'COPY_TLS')

      const bare = reach(source, `sslmode=${mode}`)
      if (checked !== 'yes') await asSource(bare)
      else {
        const fault = await faultOf((async () => asSource(bare))())
        assert.equal(fault.code, 'COPY_OPTION')
        assert.match(
          fault.message,
          /needs the certificate of an authority: sslrootcert names its file, or is system/,
        )
      }
    },
  )
}

story('allow tries TLS when plain is refused, and prefer plain when TLS is, at both ends', async () => {
  const rules = (first: string): string =>
    `${first}\nlocal all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n`
  const [{ file }] = (await source.query(`SELECT current_setting('hba_file') AS file`)) as [{ file: string }]
  const before = readFileSync(file, 'utf8')
  const admin = await source.client({ host: source.socketConnection.host })
  const rule = async (text: string): Promise<void> => {
    await admin.query(
      `COPY (SELECT unnest(string_to_array('${text}', E'\\n'))) TO PROGRAM 'cat > pg_hba.conf'`,
    )
    await admin.query('SELECT pg_reload_conf()')
    // a reload is a signal: wait until a new backend knows of it
    await admin.query('SELECT pg_sleep(0.2)')
  }
  try {
    await rule(rules('hostnossl all all 127.0.0.1/32 reject'))
    assert.equal(await sourceEncrypted(reach(source, 'sslmode=allow')), true)
    assert.equal(await targetEncryptedBy(admin, reach(source, 'sslmode=allow')), true)
    const refused = await faultOf(asSource(reach(source, 'sslmode=disable')))
    assert.equal(refused.sqlState, '28000')
    await rule(rules('hostssl all all 127.0.0.1/32 reject'))
    assert.equal(await sourceEncrypted(reach(source, 'sslmode=prefer')), false)
    assert.equal(await targetEncryptedBy(admin, reach(source, 'sslmode=prefer')), false)
    await rule(rules('host all all 127.0.0.1/32 reject'))
    for (const [mode, said] of [
      ['allow', /rejects connection.*; before, without TLS: .*rejects connection/s],
      ['prefer', /rejects connection.*; before, with TLS: .*rejects connection/s],
    ] as const) {
      const fault = await faultOf(asSource(reach(source, `sslmode=${mode}`)))
      assert.equal(fault.sqlState, '28000')
      assert.match(fault.message, said)
    }
  } finally {
    await rule(before.replaceAll("'", "''"))
    await admin.end()
  }
})

const targetEncryptedBy = async (
  admin: { query(sql: string): Promise<{ rows: { s: string }[] }> },
  connection: ConnectionInput,
): Promise<boolean> => {
  await admin.query('TRUNCATE t')
  await copy({
    from: ['a row\n'],
    to: [{ connection, statement: 'COPY t FROM STDIN', after: [`INSERT INTO t ${IS_ENCRYPTED}`] }],
  })
  return (await admin.query(`SELECT s FROM t WHERE s IN ('true', 'false')`)).rows[0]?.s === 'true'
}

story(
  'verify-full takes a host name, an address and direct TLS, and sends the name only as a name',
  async () => {
    const full = `sslmode=verify-full sslrootcert=${ca}`
    for (const words of [
      full,
      ...directly(full),
      `${full} ssl_min_protocol_version=TLSv1.3`,
      `${full} channel_binding=require require_auth=scram-sha-256`,
    ]) {
      assert.equal(await sourceEncrypted(reach(source, words)), true, words)
      assert.equal(await targetEncrypted(source, reach(source, words)), true, words)
    }
    const start = ({ stream }: { stream: { destroy(): void } }) => stream.destroy()
    for (const [host, more, sent] of [
      ['db.copyman.test', '', 'db.copyman.test'],
      ['db.copyman.test', 'sslsni=0', undefined],
      ['127.0.0.1', '', undefined],
    ] as const)
      await scripted({ certificate: 'addressed', start }, async (server) => {
        await faultOf(asSource(near(server, `${full} ${more}`, host)))
        const [told] = server.heard
        assert.deepEqual(told?.requests, ['ssl', 'startup'])
        assert.equal(told?.plainBytes, 0)
        assert.equal(told?.servername, sent)
      })
  },
)

story('a server that begins TLS at once but does not say that it is PostgreSQL is refused', async () => {
  await scripted({ direct: true }, async (server) => {
    const fault = await faultOf(asSource(near(server, 'sslmode=require sslnegotiation=direct')))
    assert.equal(fault.code, 'COPY_TLS')
    assert.match(fault.message, /does not know sslnegotiation=direct/)
    assert.equal(server.heard[0]?.tlsBytes, 0)
  })
})

story('a Unix socket is never encrypted, whatever sslmode says', async () => {
  const { host, port } = source.socketConnection
  for (const mode of MODES)
    assert.equal(
      await sourceEncrypted(`host=${host} port=${port} user=postgres password=${password} sslmode=${mode}`),
      false,
    )
})

story('sslrootcert=system takes the authorities that Node trusts, and checks the name', async () => {
  const { port } = source.connection
  const command = fileURLToPath(new URL('../../src/cli/copyman.js', import.meta.url))
  for (const [host, extra, status, text] of [
    ['127.0.0.1', 'ca.crt', 0, /^$/],
    ['localhost', 'ca.crt', 1, /localhost. is not in the cert's altnames/],
    ['127.0.0.1', 'server.crt', 1, /unable to/],
  ] as const) {
    const from = `postgres://postgres@${host}:${port}/postgres?sslrootcert=system`
    const child = spawn(
      process.execPath,
      [command, 'copy', '--from', from, '--query', 'SELECT 1', '--to-table', 't', '--to', from, '--quiet'],
      {
        env: { ...process.env, NODE_EXTRA_CA_CERTS: certificatePath(extra), PGPASSWORD: password },
        stdio: ['ignore', 'inherit', 'pipe'],
      },
    )
    let stderr = ''
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString()
    })
    const [code] = await once(child, 'close')
    assert.match(stderr, text)
    assert.equal(code, status)
  }
})

story(
  "libpq's usual files are found: require checks the authority then, and a client's certificate is shown",
  async () => {
    const folder = join(home, '.postgresql')
    mkdirSync(folder)
    const put = (name: string, from: string): void =>
      writeFileSync(join(folder, name), readFileSync(certificatePath(from)), { mode: 0o600 })
    put('root.crt', 'server.crt')
    assert.equal((await faultOf(asSource(reach(source, 'sslmode=require')))).code, 'COPY_TLS')
    put('root.crt', 'ca.crt')
    put('postgresql.crt', 'client.crt')
    put('postgresql.key', 'client.key')
    await source.query(
      `COPY (SELECT unnest(string_to_array('${readFileSync(ca, 'utf8').trim()}', E'\\n'))) TO PROGRAM 'cat > root.crt'`,
    )
    await source.query(`ALTER SYSTEM SET ssl_ca_file = 'root.crt'`)
    await source.query('SELECT pg_reload_conf()')
    const subject = (words: string): Promise<string> =>
      ask(reach(source, words), 'SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
    assert.equal(await subject('sslmode=require'), '/CN=postgres')
    const keys = privateFolder('client-encrypted.key')
    const encryptedKey = `sslkey=${join(keys, 'client-encrypted.key')} sslcert=${certificatePath('client.crt')}`
    assert.equal(await subject(`sslmode=verify-full ${encryptedKey} sslpassword=canary-Key9`), '/CN=postgres')
  },
)

/** A source that is aborted in mid-copy: the requests that its server then gets. */
const abortInMidCopy = async (connection: ConnectionInput): Promise<void> => {
  const boom = () => {
    throw new Error('boom')
  }
  await assert.rejects(
    copy({
      from: { connection, statement: 'COPY (SELECT generate_series(1, 100000000)) TO STDOUT' },
      to: [boom],
      ring: { slots: 2, slotBytes: 1000 },
    }),
    { code: 'COPY_FAILED' },
  )
}

story('a cancel request goes encrypted to the server of its connection', async () => {
  for (const words of [
    `sslmode=verify-full sslrootcert=${ca}`,
    ...directly(`sslmode=verify-full sslrootcert=${ca}`),
    'sslmode=prefer',
    'sslmode=disable',
  ]) {
    const log = (await source.log()).length
    await abortInMidCopy(reach(source, words))
    assert.match((await source.log()).slice(log), /canceling statement due to user request/, words)
  }
})

story('a cancel request whose server shows a wrong certificate is not sent', async () => {
  for (const [second, isSent] of [
    ['addressed', true],
    ['other', false],
  ] as const) {
    const relay = await startTlsRelay(source, (index) => (index === 0 ? 'addressed' : second))
    try {
      const words = `sslmode=verify-full sslrootcert=${ca} channel_binding=disable`
      await abortInMidCopy(`host=127.0.0.1 port=${relay.port} user=postgres password=${password} ${words}`)
      assert.equal(relay.sent.length, 2)
      assert.equal(relay.sent[1]?.length, isSent ? 16 : 0)
    } finally {
      await relay.close()
    }
  }
})
