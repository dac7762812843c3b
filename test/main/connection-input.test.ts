import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { CopyError } from '../../src/index.js'
import { type ConnectionInput, checkConnection } from '../../src/main/connection-input.js'

const data = async (input: ConnectionInput) => checkConnection(input, 'from.connection').resolve()

test('a URL, a keyword string and a config of the same meaning give the same data', async () => {
  const expected = {
    host: 'db.example',
    port: 6543,
    user: 'ann',
    database: 'app',
    password: "p'w",
    ssl: false,
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
      ssl: false,
      applicationName: 'envapp',
    })
    assert.equal((await data('host=other')).host, 'other')
  } finally {
    process.env = before
  }
})

test('a password function is called on the main thread, other functions are refused by name', async () => {
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
