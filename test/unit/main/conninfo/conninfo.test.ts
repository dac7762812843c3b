import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { CopyError } from '../../../../src/index.js'
import { type ConnectionInput, checkConnection } from '../../../../src/main/conninfo/conninfo.js'

const data = async (input: ConnectionInput) => checkConnection(input, 'from.connection').resolve()

test('a URL, a keyword string and a config with the same meaning give the same parameters', async () => {
  const expected = {
    host: 'db.example',
    port: 6543,
    user: 'ann',
    database: 'app',
    password: "p'w",
    auth: { channelBinding: 'prefer' },
    applicationName: 'copyman',
  }
  assert.deepEqual(await data("postgres://ann:p'w@db.example:6543/app"), expected)
  assert.deepEqual(
    await data('postgresql://ann:p%27w@db.example:6543/app?application_name=copyman'),
    expected,
  )
  assert.deepEqual(await data("host=db.example port = 6543 user=ann dbname='app' password='p\\'w'"), expected)
  assert.deepEqual(
    await data({ host: 'db.example', port: 6543, user: 'ann', database: 'app', password: "p'w" }),
    expected,
  )
  assert.deepEqual(await data({ connectionString: "postgres://ann:p'w@db.example:6543/app" }), expected)
})

test('a Unix socket is a host that begins with a slash', async () => {
  assert.equal((await data('postgres://ann@%2Ftmp%2Fsockets:6543/app')).host, '/tmp/sockets')
  assert.equal((await data('host=/tmp/sockets user=ann')).host, '/tmp/sockets')
})

test('missing parts come from the PG* environment', async () => {
  const before = { ...process.env }
  Object.assign(process.env, {
    PGHOST: 'envhost',
    PGPORT: '7777',
    PGUSER: 'envuser',
    PGDATABASE: 'envdb',
    PGPASSWORD: 'envpass',
    PGAPPNAME: 'envapp',
  })
  try {
    assert.deepEqual(await data({}), {
      host: 'envhost',
      port: 7777,
      user: 'envuser',
      database: 'envdb',
      password: 'envpass',
      auth: { channelBinding: 'prefer' },
      applicationName: 'envapp',
    })
    assert.equal((await data('host=other')).host, 'other')
  } finally {
    process.env = before
  }
})

test('a password function is called on the main thread; other functions are refused, and the error names them', async () => {
  assert.equal((await data({ user: 'a', password: () => 'secret' })).password, 'secret')
  assert.equal((await data({ user: 'a', password: async () => 'secret' })).password, 'secret')
  await assert.rejects(
    data({ user: 'a', stream: () => undefined } as never),
    /from\.connection\.stream is a function/,
  )
  await assert.rejects(
    data({ user: 'a', ssl: { checkServerIdentity: () => undefined } }),
    /from\.connection\.ssl\.checkServerIdentity is a function/,
  )
  await assert.rejects(
    data({ user: 'a', password: (() => 7) as never }),
    /from\.connection\.password gave number/,
  )
})

test('bad input names the option and what is wrong, and never shows the password', async () => {
  const wrongs: [unknown, RegExp][] = [
    ['postgres://ann:canary@host:notaport/db', /from\.connection is not a valid postgres:\/\/ URL/],
    ['postgres://ann:canary@host:0/db', /port must be a whole number from 1 to 65535/],
    [
      { user: 'a', port: 65536, password: 'canary' },
      /port must be a whole number from 1 to 65535, not 65536/,
    ],
    ["host=h password='canary", /not keyword=value pairs from character 8 on/],
    ['host=h pasword=canary', /keyword pasword is unknown; known are host,/],
    ['just words', /is not a URL, and not keyword=value pairs from character 1 on/],
    [42, /must be a URL, a keyword string or a pg\.ClientConfig/],
    [undefined, /must be a URL, a keyword string or a pg\.ClientConfig/],
  ]
  for (const [input, text] of wrongs) {
    await assert.rejects(data(input as ConnectionInput), (error: unknown) => {
      assert.ok(error instanceof CopyError && error.code === 'COPY_OPTION', String(error))
      assert.match(error.message, text)
      assert.ok(!inspect(error).includes('canary'))
      return true
    })
  }
})

const SSL_CONFLICTS: [unknown, RegExp][] = [
  [{ host: 'h', ssl: true, sslmode: 'require' }, /from\.connection: ssl and sslmode are both given/],
  ['host=h sslrootcert=/nowhere.crt', /sslrootcert is given without sslmode/],
  ['host=h sslmode=no-verify', /sslmode must be one of disable, allow, prefer, require, .*"no-verify"/],
  ['postgres://h/d?sslmode=required', /sslmode must be one of/],
  ['host=h sslmode=require sslrootcert=/nowhere.crt', /sslrootcert: cannot read \/nowhere\.crt: ENOENT/],
  ['host=h sslmode=require sslrootcert=system', /does not go with sslrootcert=system/],
  ['host=h sslmode=prefer sslnegotiation=direct', /does not go with sslnegotiation=direct/],
  ['host=h sslmode=require sslcertmode=require', /sslcertmode is not supported/],
  ['postgres://h/d?requirepeer=postgres', /requirepeer is not supported/],
  ['host=h gssencmode=require', /gssencmode must be one of disable, prefer/],
  ['host=h require_auth=scram', /require_auth knows none, password, md5, scram-sha-256, not "scram"/],
  ['host=h require_auth=md5,!password', /cannot both allow some methods and exclude others/],
  ['host=h require_auth=gss', /allows nothing that copyman can do/],
  ['host=h sslmode=require ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2', /is below/],
  [{ host: 'h', sslmode: 7 }, /sslmode must be a string without NUL, not number/],
  [{ host: 'h', ssl: { ca: { now: () => 1 } } }, /ssl holds a value that cannot be sent to a worker thread/],
]

test('TLS parameters that contradict each other, or that only libpq supports, are refused, and the error names them', async () => {
  for (const [input, text] of SSL_CONFLICTS) {
    assert.throws(
      () => checkConnection(input as ConnectionInput, 'from.connection'),
      (error: unknown) =>
        error instanceof CopyError && error.code === 'COPY_OPTION' && text.test(error.message),
      String(text),
    )
  }
})

test('TLS parameters mean the same in a URL, a keyword string, a config and the environment', async () => {
  const before = { ...process.env }
  process.env.HOME = '/nonexistent'
  try {
    const parameters = {
      sslmode: 'require',
      sslsni: '0',
      channel_binding: 'require',
      require_auth: 'scram-sha-256',
    }
    const expected = await data({ host: 'h', user: 'u', ...parameters })
    assert.deepEqual(expected.tls, {
      asked: 'sslmode=require',
      attempts: ['tls'],
      check: 'nothing',
      options: { minVersion: 'TLSv1.2' },
      sni: false,
      negotiation: 'postgres',
    })
    assert.deepEqual(expected.auth, { channelBinding: 'require', methods: ['scram-sha-256'] })
    const query = new URLSearchParams({ ...parameters, uselibpqcompat: 'true' })
    assert.deepEqual(await data(`postgres://u@h/?${query}`), expected)
    const keywords = Object.entries(parameters).map(([name, value]) => `${name}=${value}`)
    assert.deepEqual(await data(`host=h user=u ${keywords.join(' ')}`), expected)
    Object.assign(process.env, {
      PGSSLMODE: 'require',
      PGSSLSNI: '0',
      PGCHANNELBINDING: 'require',
      PGREQUIREAUTH: 'scram-sha-256',
    })
    assert.deepEqual(await data('host=h user=u'), expected)
    assert.equal(
      (await data({ host: 'h', ssl: false })).tls,
      undefined,
      'the argument wins over the environment',
    )
    Object.assign(process.env, { PGSSLMODE: 'sometimes' })
    await assert.rejects(data('host=h'), /PGSSLMODE must be one of/)
    Object.assign(process.env, { PGSSLMODE: 'require', PGREQUIREPEER: 'postgres' })
    await assert.rejects(data('host=h'), /PGREQUIREPEER is not supported/)
  } finally {
    process.env = before
  }
})

test("pg's ssl means what it means in pg, and the user's object is not changed", async () => {
  const ssl = { ca: 'x' }
  Object.defineProperty(ssl, 'key', { value: 'hidden by pg', enumerable: false })
  const { tls } = await data({ host: 'h', ssl })
  assert.equal(tls?.check, 'as-given')
  assert.deepEqual(tls?.options, { ca: 'x', key: 'hidden by pg' })
  assert.deepEqual(Object.keys(ssl), ['ca'])
  assert.deepEqual((await data('postgres://h/d?ssl=true')).tls?.options, {})
  assert.deepEqual((await data('postgres://h/d?ssl=no-verify')).tls?.options, { rejectUnauthorized: false })
})

test('hostaddr is the address to connect to; host is the name in the certificate, and it is never empty', async () => {
  const { host, address } = await data('host=db.example hostaddr=192.0.2.7')
  assert.deepEqual([host, address], ['db.example', '192.0.2.7'])
  assert.equal((await data('hostaddr=192.0.2.7')).host, '192.0.2.7')
  assert.equal((await data({ host: '' })).host, 'localhost')
})

test('a URL whose password holds an unescaped / ? or # is refused, and no part of the password is shown', async () => {
  for (const url of [
    'postgres://ann:4711/canary@host/db',
    'postgres://ann:4711?canary@host/db',
    'postgres://ann:4711#canary@host/db',
  ])
    await assert.rejects(data(url), (error: Error) => {
      assert.match(error.message, /is not a valid postgres:\/\/ URL: .*is written as %/)
      assert.ok(!/canary|4711/.test(inspect(error, { showHidden: true })))
      return true
    })
})
