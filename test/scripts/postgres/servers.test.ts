import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Servers, startServers } from '../../../scripts/postgres/servers.js'

let servers: Servers

before(async () => {
  servers = await startServers({
    count: 3,
    names: ['source', 'target'],
    settings: { work_mem: '5MB', application_name: `it's a \\ name` },
    perServer: (index) => (index === 1 ? { settings: { work_mem: '6MB' } } : {}),
  })
})
after(() => servers.stop())

async function ask(connection: pg.ClientConfig | string, text: string): Promise<unknown[]> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return (await client.query({ text, rowMode: 'array' })).rows.flat()
  } finally {
    await client.end()
  }
}

test('several servers start side by side, and each answers on its port and on its socket', async () => {
  const where = "SELECT inet_server_port(), current_setting('data_directory')"
  const folders = new Set<unknown>()
  for (const server of servers) {
    const [port, folder] = await ask(server.connection, where)
    assert.equal(port, server.connection.port)
    assert.deepEqual(await ask(server.url, where), [port, folder])
    assert.deepEqual(await ask(server.socketConnection, where), [null, folder])
    assert.deepEqual(await ask(server.socketUrl, where), [null, folder])
    folders.add(folder)
  }
  assert.equal(folders.size, 3)
})

test('settings of one server override those of all servers, which override the defaults', async () => {
  const settings = await Promise.all(servers.map((server) => server.query('SHOW work_mem')))
  assert.deepEqual(settings.flat(), [{ work_mem: '5MB' }, { work_mem: '6MB' }, { work_mem: '5MB' }])
  const [row] = (await servers[0]?.query('SHOW fsync')) ?? []
  assert.deepEqual(row, { fsync: 'off' })
})

test('a value with quotes and backslashes arrives unchanged', async () => {
  const client = new pg.Client({ ...servers[0]?.connection })
  await client.connect()
  assert.deepEqual((await client.query('SHOW application_name')).rows, [
    { application_name: `it's a \\ name` },
  ])
  await client.end()
})

test('servers get the given names, and the others are numbered', async () => {
  assert.deepEqual(
    servers.map((server) => server.name),
    ['source', 'target', 'pg2'],
  )
  assert.deepEqual(await servers[1]?.query('SHOW cluster_name'), [{ cluster_name: 'target' }])
})

for (const way of ['fast', 'immediate', 'kill'] as const) {
  test(`a server comes back after ${way} on the same port with the same data, and the others keep running`, async () => {
    const server = servers[0] ?? assert.fail()
    const { connection, pid } = server
    await server.query(`CREATE TABLE ${way} AS SELECT 1 AS one`)
    // A checkpoint writes the WAL of an asynchronous commit to the operating system.
    await server.query('CHECKPOINT')
    await (way === 'kill' ? server.kill() : server.stop(way))
    assert.equal(server.pid, undefined)
    await assert.rejects(server.query('SELECT 1'), { code: 'ECONNREFUSED' })
    assert.deepEqual(await servers[1]?.query('SELECT 2 AS two'), [{ two: 2 }])
    await server.start()
    assert.notEqual(server.pid, pid)
    assert.deepEqual(server.connection, connection)
    assert.deepEqual(await server.query(`SELECT one FROM ${way}`), [{ one: 1 }])
  })
}

test('a server whose port was taken while it was stopped waits until the port is free', async () => {
  const server = servers[2] ?? assert.fail()
  const { port } = server.connection
  await server.stop()
  const thief = createServer().listen(port, '127.0.0.1')
  await once(thief, 'listening')
  const started = server.start()
  const log = async () => (await server.log()).split('Address already in use').length
  while ((await log()) < 2) await sleep(20)
  thief.close()
  await started
  assert.equal(server.connection.port, port)
  assert.deepEqual(await server.query('SELECT 1 AS one'), [{ one: 1 }])
})

test('a password is asked for on the port and on the socket', async () => {
  await using guarded = await startServers({ password: 'a b/@\\' })
  const server = guarded[0] ?? assert.fail()
  assert.deepEqual(await ask(server.url, 'SELECT 1'), [1])
  assert.deepEqual(await ask(server.socketUrl, 'SELECT 1'), [1])
  for (const connection of [server.connection, server.socketConnection])
    await assert.rejects(ask({ ...connection, password: 'wrong' }, 'SELECT 1'), { code: '28P01' })
  assert.deepEqual(
    (await readdir(guarded.folder)).filter((name) => name.includes('secret')),
    [],
  )
})

test('if a server cannot start, startServers rejects with its log and leaves nothing', async () => {
  const { TMPDIR } = process.env
  const base = await mkdtemp('/tmp/cm-test-')
  await chmod(base, 0o755) // the servers' user must be able to enter
  process.env.TMPDIR = base
  try {
    await assert.rejects(
      startServers({
        count: 2,
        perServer: (index) => (index === 1 ? { settings: { work_mem: 'plenty' } } : {}),
      }),
      /invalid value for parameter "work_mem": "plenty"/,
    )
    await rmdir(base) // fails if the folder is not empty
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  }
})
