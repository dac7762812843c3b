import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseInstallation, findInstallations } from '../../../scripts/postgres/installations.js'
import { startServers } from '../../../scripts/postgres/servers.js'

const found = [...findInstallations()]
const major = (version: string) => Number.parseInt(version, 10)
const majors = [...new Set(found.map(({ version }) => major(version)))]

test('there is at least one PostgreSQL, and each is listed once', () => {
  assert.notEqual(found.length, 0)
  assert.equal(new Set(found.map(({ bindir }) => bindir)).size, found.length)
})

test(`servers of versions ${majors} run side by side`, async () => {
  await using servers = await startServers({
    count: majors.length,
    perServer: (index) => ({ version: majors[index] ?? assert.fail() }),
  })
  for (const [index, server] of servers.entries()) {
    const [row] = await server.query('SHOW server_version')
    assert.equal(row?.server_version.split(' ')[0], server.version)
    assert.equal(major(server.version), majors[index])
  }
})

test('for a missing version, the error lists all installations', () => {
  assert.throws(
    () => chooseInstallation({ version: 7 }),
    (error: Error) => {
      assert.match(error.message, /^no PostgreSQL 7; found:/)
      for (const { bindir, version } of found) assert.ok(error.message.includes(`${version} in ${bindir}`))
      return true
    },
  )
})

test('if a bin folder is given, no other folder is searched', () => {
  const last = found.at(-1) ?? assert.fail()
  assert.deepEqual(chooseInstallation({ bindir: last.bindir }), last)
  assert.throws(() => chooseInstallation({ bindir: last.bindir, version: 7 }), /found:\n {2}\S+ in \S+\n\D/)
  assert.throws(() => chooseInstallation({ bindir: '/nowhere' }), /no PostgreSQL in \/nowhere/)
})

test('the environment can choose a bin folder and a version', (t) => {
  const { COPYMAN_PG_BINDIR, COPYMAN_PG_VERSION } = process.env
  t.after(() =>
    Object.assign(process.env, {
      COPYMAN_PG_BINDIR: COPYMAN_PG_BINDIR ?? '',
      COPYMAN_PG_VERSION: COPYMAN_PG_VERSION ?? '',
    }),
  )
  const last = found.at(-1) ?? assert.fail()
  process.env.COPYMAN_PG_VERSION = ''
  process.env.COPYMAN_PG_BINDIR = last.bindir
  assert.deepEqual(chooseInstallation(), last)
  process.env.COPYMAN_PG_BINDIR = ''
  process.env.COPYMAN_PG_VERSION = `${major(last.version)}`
  assert.equal(major(chooseInstallation().version), major(last.version))
})
