import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { inspect } from 'node:util'
import { CopyError } from '../../../../src/index.js'
import { type ConnectionInput, checkConnection } from '../../../../src/main/conninfo/conninfo.js'
import { passwordIn } from '../../../../src/main/conninfo/password-file.js'

const folder = await mkdtemp(join(tmpdir(), 'copyman-'))
const passfile = join(folder, 'pgpass')
const servicefile = join(folder, 'pg_service.conf')
const NAMES = ['PGSERVICE', 'PGSERVICEFILE', 'PGSYSCONFDIR', 'PGPASSFILE', 'PGPASSWORD', 'PGHOST', 'PGPORT']
const before = NAMES.map((name) => [name, process.env[name]] as const)
beforeEach(() => {
  for (const name of NAMES) delete process.env[name]
  process.env.PGSERVICEFILE = servicefile
  process.env.PGPASSFILE = passfile
})
after(async () => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  await rm(folder, { recursive: true })
})

const data = async (input: ConnectionInput) => checkConnection(input, 'to').resolve()
const refused = (input: ConnectionInput, text: RegExp): Promise<void> =>
  assert.rejects(data(input), (error: unknown) => {
    assert.ok(error instanceof CopyError && error.code === 'COPY_OPTION', String(error))
    assert.match(error.message, text)
    assert.ok(!inspect(error).includes('canary'), inspect(error))
    return true
  })

const SERVICES = `# ours
[other]
host=elsewhere

[nightly]
  # by libpq's rules, spaces before a line do not count
  host=db9
port=6543
user=ann
dbname=app
password=canary
sslmode=disable
[nightly]
host=too-late
`

test('a service supplies missing parameters, however it is named; it wins over PG* variables and loses to arguments', async () => {
  await writeFile(servicefile, SERVICES)
  Object.assign(process.env, { PGHOST: 'envhost', PGPORT: '7' })
  const inputs: ConnectionInput[] = [
    'service=nightly',
    'postgres://?service=nightly',
    'postgres:///?service=nightly',
    { service: 'nightly' },
    { connectionString: 'service=nightly' },
  ]
  for (const input of inputs) {
    const { host, port, user, database, password } = await data(input)
    const found = { host, port, user, database, password }
    const all = { host: 'db9', port: 6543, user: 'ann', database: 'app', password: 'canary' }
    assert.deepEqual(found, all, inspect(input))
  }
  assert.equal((await data('service=nightly host=mine port=')).host, 'mine')
  assert.equal((await data('service=nightly host=mine port=')).port, 6543)
  process.env.PGSERVICE = 'other'
  assert.equal((await data('')).host, 'elsewhere')
  assert.equal((await data('service=nightly')).host, 'db9')
})

test('an undefined service, or one with a malformed line, is refused, and the error names file and line', async () => {
  await writeFile(servicefile, SERVICES)
  await refused('service=nightley', /^to: service names no service .* no \[nightley\] in .*pg_service\.conf$/)
  process.env.PGSERVICE = 'gone'
  await refused('host=a', /^to: PGSERVICE names no service that is defined/)
  delete process.env.PGSERVICE
  await writeFile(servicefile, '[a]\nhost db\n[b]\nservice=a\n[c]\npasswort=canary\n')
  await refused('service=a', /pg_service\.conf, line 2: keyword=value is expected/)
  await refused('service=b', /line 4: a service cannot name another service/)
  await refused('service=c', /to: service c: keyword passwort is unknown; known are host/)
  process.env.PGSERVICEFILE = join(folder, 'none')
  await refused('service=a', /no \[a\] in .*none, which is not there/)
  process.env.PGSYSCONFDIR = folder
  await writeFile(servicefile, SERVICES)
  assert.equal((await data('service=nightly')).host, 'db9')
})

test("a password file is read by libpq's rules: the first matching line, * and backslashes", () => {
  const ann = { host: 'db1', port: 5432, database: 'app', user: 'ann' }
  const cases: [text: string, wanted: typeof ann, password: string | undefined][] = [
    ['db1:5432:app:ann:first\ndb1:5432:app:ann:second', ann, 'first'],
    ['*:*:*:*:any', ann, 'any'],
    ['db2:*:*:*:no\ndb1:*:*:ann:yes', ann, 'yes'],
    ['#db1:5432:app:ann:no', ann, undefined],
    ['db1:5432:app:bob:no', ann, undefined],
    ['db1:5432:app:ann:', ann, undefined],
    ['db1:5432:app', ann, undefined],
    ['db1:5432:app:ann:a\\:b\\\\c:d\r', ann, 'a:b\\c:d'],
    ['\\:\\:1:5432:a\\\\b:ann:six', { ...ann, host: '::1', database: 'a\\b' }, 'six'],
    ['localhost:5432:app:ann:socket', { ...ann, host: '/var/run/postgresql' }, 'socket'],
    ['localhost:5432:app:ann:no', { ...ann, host: '/srv/sockets' }, undefined],
    ['/srv/sockets:5432:app:ann:own', { ...ann, host: '/srv/sockets' }, 'own'],
  ]
  for (const [text, wanted, password] of cases) assert.equal(passwordIn(text, wanted), password, text)
})

test('a password file that others may read is ignored, and a note says so; with a password argument none is read', async () => {
  await writeFile(passfile, 'db1:*:*:*:canary\n', { mode: 0o600 })
  assert.equal((await data('host=db1')).password, 'canary')
  assert.equal((await data('host=db1 password=mine')).password, 'mine')
  assert.match((await data('host=db2')).passwordNote ?? '', /pgpass has no line for this connection$/)
  // host is looked up in the file, not hostaddr
  assert.equal((await data('host=db1 hostaddr=10.0.0.1')).password, 'canary')
  await chmod(passfile, 0o640)
  const { password, passwordNote } = await data('host=db1')
  assert.equal(password, undefined)
  assert.match(passwordNote ?? '', /pgpass is not read for passwords, since others may read it: chmod 600/)
  await writeFile(join(folder, 'own'), '*:*:*:*:own', { mode: 0o600 })
  assert.equal((await data(`host=db1 passfile=${join(folder, 'own')}`)).password, 'own')
})

test("the query of a URL may hold libpq's keywords, as libpq reads them, and no others", async () => {
  const { host, database, applicationName } = await data(
    'postgres:///a%2Fb%23c?host=/tmp/sockets&application_name=a+b&port=6543',
  )
  assert.deepEqual([host, database, applicationName], ['/tmp/sockets', 'a/b#c', 'a+b'])
  assert.equal((await data('postgres://h/?dbname=app')).database, 'app')
  assert.equal((await data('postgres://h/?connect_timeout=3')).connectMs, 3000)
  assert.equal((await data('host=h connect_timeout=0')).connectMs, undefined)
  await refused('postgres://h/app?sslmod=require', /to: parameter sslmod is unknown; known are host/)
  await refused('postgres://h/app?can-ary=1', /to: a parameter is unknown; known are host/)
  await refused('postgres://h/app?connect_timeout=soon', /connect_timeout must be a whole number of seconds/)
})

test('the error of a malformed URL says what would be right, and quotes nothing of the URL', async () => {
  const wrongs: [string, RegExp][] = [
    ['postgres://a:canary@h:65536/app', /comes a port, a whole number from 1 to 65535/],
    ['postgres://a:canary@h:x/app', /comes a port, a whole number/],
    ['postgres://a:canary@h1:1,h2:2/app', /names several hosts/],
    ['postgres://a:c%anary@h/app', /% is written as %25/],
    ['postgres://a:can ary@h/app', /a space is written as %20/],
    ['postgres://a:x@y/canary@h/app', /\/ is written as %2F, and @ as %40/],
    ['canary', /write postgres:\/\/ann@db1\/app, or host=db1 user=ann dbname=app/],
  ]
  for (const [url, text] of wrongs) await refused(url, text)
  assert.equal((await data('postgres://a@[::1]:6543/app')).port, 6543)
})
