import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Server } from '../../scripts/postgres/server.js'
import {
  CallReceiver,
  type ConnectionInput,
  CopyManager,
  copy,
  StatementProducer,
  StatementReceiver,
  WorkerPool,
} from '../../src/index.js'
import { say, startAuthServer } from '../support/auth-server.js'
import { certificatePath, certificateText, privateFolder, serveTls } from '../support/certificates.js'
import { startFleet } from '../support/fleet.js'
import { allowThreads } from '../support/remains.js'
import { assertSecret, listenToOutput, processList, show } from '../support/secrecy.js'
import { story } from '../support/story.js'

// these characters reveal every place that escapes or cuts the password
const CANARY = "canary-7Q'x p%4/ä"
const fleet = await startFleet(1, {
  password: CANARY,
  settings: { log_connections: 'on', log_statement: 'all' },
})
const [source, target] = fleet.all as [Server, Server]
await serveTls(source, 'addressed')
await fleet.everywhere('CREATE TABLE t (s text PRIMARY KEY)')
await source.query(`INSERT INTO t SELECT 'row ' || i FROM generate_series(1, 1000) AS i`)
const logs = await Promise.all(fleet.all.map((server) => server.log()))

interface Parts {
  readonly host: string
  readonly port: number
  readonly password: string
  readonly words?: Readonly<Record<string, string>>
}

/** The ways to give a password. */
const FORMS: Readonly<Record<string, (parts: Parts) => ConnectionInput>> = {
  URL: ({ host, port, password, words = {} }) =>
    `postgres://postgres:${encodeURIComponent(password)}@${host}:${port}/postgres?${new URLSearchParams(words)}`,
  keywords: ({ host, port, password, words = {} }) =>
    Object.entries({ host, port: String(port), user: 'postgres', dbname: 'postgres', password, ...words })
      .map(([word, value]) => `${word}='${value.replace(/['\\]/g, '\\$&')}'`)
      .join(' '),
  config: ({ host, port, password, words }) => ({
    host,
    port,
    user: 'postgres',
    database: 'postgres',
    password,
    ...words,
  }),
  function: ({ host, port, password, words }) => ({
    host,
    port,
    user: 'postgres',
    database: 'postgres',
    password: async () => password,
    ...words,
  }),
  environment: ({ host, port, words }) => ({ host, port, user: 'postgres', database: 'postgres', ...words }),
}

const at = ({ connection }: Server, more: Partial<Parts> = {}): Parts => ({
  host: '127.0.0.1',
  port: connection.port,
  password: CANARY,
  ...more,
})

/** For the many connections that fail: to start a thread costs far more than such a connection. */
const threads = new WorkerPool({ threads: 2 })
allowThreads(2)
after(() => threads.close())

const RECEIVERS = new URL('../fixtures/receivers.js', import.meta.url)
const OUT = 'COPY t TO STDOUT'
const IN = 'COPY t FROM STDIN'

/** Ways in which a connection can end; each returns what the caller gets. */
const WAYS: Readonly<Record<string, (make: (parts: Parts) => ConnectionInput) => Promise<unknown[]>>> = {
  'a copy that ends well': async (make) => {
    await target.query('TRUNCATE t')
    const producer = new StatementProducer({
      connection: make(at(source, { words: { sslmode: 'prefer' } })),
      statement: OUT,
    })
    const receiver = new StatementReceiver({ connection: make(at(target)), statement: IN })
    const manager = new CopyManager(producer, [receiver])
    const shown = [show([manager, producer, receiver])]
    await manager.open()
    for await (const cycle of manager) shown.push(show([manager, producer, receiver, cycle, manager.stats()]))
    shown.push(show([manager, manager.outcomes, manager.receivers, manager.producer]))
    await manager.close()
    for (const server of fleet.all) {
      const activity = await server.query('SELECT * FROM pg_stat_activity')
      shown.push(JSON.stringify(activity))
    }
    return shown
  },
  'a wrong password': (make) => both(make, (server) => at(server, { password: `${CANARY}!` })),
  'a port without a listener': (make) => both(make, (server) => at(server, { port: 1 })),
  'a host name that does not exist': (make) => both(make, (server) => at(server, { host: 'nobody.invalid' })),
  'no TLS where it is asked for': (make) => both(make, () => at(target, { words: { sslmode: 'require' } })),
  'a certificate of somebody else': (make) =>
    both(make, () =>
      at(source, { words: { sslmode: 'verify-ca', sslrootcert: certificatePath('server.crt') } }),
    ),
  'channel binding that cannot be': (make) =>
    both(make, (server) => at(server, { words: { channel_binding: 'require' } })),
  'an option that cannot be': (make) =>
    both(make, (server) => at(server, { words: { sslmode: 'sometimes' } })),
  'a port that cannot be': (make) => both(make, (server) => at(server, { port: 65_536 })),
  'a server that lies': async (make) => {
    const shown: unknown[] = []
    for (const message of [
      say.ready,
      say.kerberos,
      say.error('28000', 'no'),
      Buffer.from('HTTP/1.1 400\r\n\r\n'),
      say.cleartext,
    ]) {
      const server = await startAuthServer({
        start: ({ stream, send }) => {
          send(message)
          if (message === say.cleartext) stream.once('data', () => send(say.error('XX000', 'no')))
        },
      })
      const parts = { host: '127.0.0.1', port: server.port, password: CANARY }
      shown.push(...(await both(make, () => parts, { connect: 1000 })))
      await server.close()
    }
    return shown
  },
  'a table that is not there': async (make) => [
    await failing({ connection: make(at(source)), statement: 'COPY nothing TO STDOUT' }, [() => {}]),
    await failing(['x\n'], [{ connection: make(at(target)), statement: 'COPY nothing FROM STDIN' }]),
  ],
  'a row that is refused': async (make) => {
    await target.query('TRUNCATE t')
    return [await failing(['x\nx\n'], [{ connection: make(at(target)), statement: IN }])]
  },
  'a worker that ends': async (make) => [
    await failing({ connection: make(at(source)), statement: OUT }, [
      { connection: make(at(target)), statement: IN },
      new CallReceiver(RECEIVERS, { exportName: 'exits' }),
    ]),
  ],
  'a backend that is ended': async (make) => {
    const end = async () => {
      await target.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'copyman'`,
      )
    }
    return [
      await failing(
        {
          connection: make(at(source)),
          statement: 'COPY (SELECT generate_series(1, 1000000)::text) TO STDOUT',
        },
        [{ connection: make(at(target)), statement: IN }, end],
      ),
    ]
  },
  'a copy that is given up': async (make) => [
    await failing(
      { connection: make(at(source)), statement: 'COPY (SELECT generate_series(1, 1000000)) TO STDOUT' },
      [() => assert.fail('boom')],
    ),
  ],
}

type Copy = Parameters<typeof copy>[0]

/** What a copy that must fail gives. */
const failing = async (from: Copy['from'], to: Copy['to'], more: Partial<Copy> = {}): Promise<unknown> => {
  try {
    return assert.fail(`it ended well: ${show(await copy({ from, to, ...more }))}`)
  } catch (error) {
    return error
  }
}

/** A connection that cannot be had, at either end, and isolated. */
const both = async (
  make: (parts: Parts) => ConnectionInput,
  parts: (server: Server) => Parts,
  deadlines: Copy['deadlines'] = {},
): Promise<unknown[]> => {
  const more = { deadlines, pool: threads }
  const tryIt = (work: () => Promise<unknown>) => (async () => work())().catch((error: unknown) => error)
  return [
    await tryIt(() => failing({ connection: make(parts(source)), statement: OUT }, [() => {}], more)),
    await tryIt(() => failing(['x\n'], [{ connection: make(parts(target)), statement: IN }], more)),
    await tryIt(() =>
      copy({
        from: ['x\n'],
        to: [{ connection: make(parts(target)), statement: IN }, () => {}],
        onFault: 'isolate',
        ...more,
      }),
    ),
  ]
}

for (const [form, make] of Object.entries(FORMS)) {
  story(`secrets: a password given by ${form} shows nowhere, whatever becomes of the copy`, async () => {
    const output = listenToOutput()
    try {
      for (const [way, run] of Object.entries(WAYS)) {
        const makes = (parts: Parts): ConnectionInput => {
          if (form === 'environment') process.env.PGPASSWORD = parts.password
          return make(parts)
        }
        const got = await run(makes)
        assert.ok(got.length > 0)
        for (const value of got) assertSecret([CANARY], typeof value === 'string' ? value : show(value), way)
        assertSecret([CANARY], processList(), `${way}: the process list`)
      }
    } finally {
      delete process.env.PGPASSWORD
      assertSecret([CANARY], output.stop(), 'the output')
    }
  })
}

story('secrets: no server got a password in a statement or a name', async () => {
  for (const [i, server] of fleet.all.entries())
    assertSecret(
      [CANARY],
      (await server.log()).slice((logs[i] as string).length),
      `the log of ${server.name}`,
    )
})

story('secrets: nothing of a malformed string is shown', async () => {
  const secret = 'canary7'
  const strings = [
    `postgres://ann:${secret}@host:port/db`,
    `postgres://ann:${secret}@[::1/db`,
    `postgres://ann:${secret}/x@host/db`,
    `postgres://ann:1/${secret}@host/db`,
    `postgres://ann:1?${secret}@host/db`,
    `postgres://ann:1#${secret}@host/db`,
    `postgres://ann:${secret}%zz@host:1:2/db`,
    `postgres://ann:${secret}@host/db?sslmode=maybe`,
    `postgres://ann:${secret}@host/db?sslmode=verify-full&sslrootcert=/nowhere`,
    `postgres:/ann:${secret}@host/db`,
    `host=h password='${secret}`,
    `host=h password=${secret} and more`,
    `host=h password=${secret}\\`,
    `host=h pass=word password=${secret}`,
    `host=h password=x ${secret}=y`,
    `host=h port=${secret}`,
    `host=h password=${secret} sslmode=maybe`,
    `${secret}`,
  ]
  for (const connection of strings)
    for (const input of [connection, { connectionString: connection }])
      for (const attempt of [
        () => copy({ from: { connection: input, statement: OUT }, to: [() => {}] }),
        () => copy({ from: ['x\n'], to: [{ connection: input, statement: IN }] }),
        () => copy({ from: ['x\n'], to: [input as never] }),
      ]) {
        const error = await (async () => attempt())().then(
          () => assert.fail('it was let through'),
          (error: unknown) => error,
        )
        assertSecret([secret], show(error), connection.replaceAll(secret, '▮'))
      }
})

story('secrets: a key and its password show nowhere, right or wrong', async () => {
  const keys = privateFolder('client-encrypted.key', 'client.key', 'named.key')
  const sslcert = certificatePath('client.crt')
  const secrets = [
    'canary-Key9',
    'canary-Wrong9',
    ...['client-encrypted.key', 'client.key', 'named.key'].flatMap((file) =>
      certificateText(file)
        .split('\n')
        .filter((line) => line.length >= 20 && !line.startsWith('-')),
    ),
  ]
  for (const [words, fails] of [
    [{ sslkey: 'client-encrypted.key', sslpassword: 'canary-Key9' }, false],
    [{ sslkey: 'client-encrypted.key', sslpassword: 'canary-Wrong9' }, true],
    [{ sslkey: 'client-encrypted.key' }, true],
    [{ sslkey: 'client.key', sslpassword: 'canary-Key9' }, false],
    [{ sslkey: 'named.key', sslpassword: 'canary-Key9' }, true],
  ] as const)
    for (const [form, make] of Object.entries(FORMS)) {
      if (form === 'environment') continue
      const all = { sslmode: 'require', ...words, sslkey: join(keys, words.sslkey), sslcert }
      const shown: unknown[] = []
      try {
        const connection = make(at(source, { words: all }))
        const producer = new StatementProducer({ connection, statement: OUT })
        shown.push(producer, await copy({ from: producer, to: [() => {}] }))
        assert.ok(!fails, 'it was let through')
      } catch (error) {
        shown.push(error)
        assert.ok(fails, show(error))
        assert.match((error as Error).message, /\.key cannot be used: /)
      }
      // its way to a server that is not there, with the key in hand
      shown.push(...(await both(make, () => at(source, { port: 1, words: all }))))
      for (const value of shown) assertSecret([CANARY, ...secrets], show(value), `${form} ${words.sslkey}`)
    }
})

const COPYMAN = fileURLToPath(new URL('../../src/cli/copyman.js', import.meta.url))

story('secrets: the command prints none', async () => {
  const url = (server: Server, more = ''): string =>
    `postgres://postgres:${encodeURIComponent(CANARY)}@127.0.0.1:${server.connection.port}/postgres${more}`
  await target.query('TRUNCATE t')
  for (const [from, to, status] of [
    [url(source), url(target), 0],
    [url(source), `${url(target)}?sslmode=require`, 1],
    [url(source, 'x'), url(target), 1],
    [url(source), url(target).replace('@127', '/@127').replace('postgres:canary', 'postgres:1/canary'), 2],
    [url(source, '?sslmode=maybe'), url(target), 2],
  ] as const) {
    const child = spawn(process.execPath, [COPYMAN, 'copy', '--from', from, '--table', 't', '--to', to])
    let text = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => {
        text += bytes.toString()
      })
    const [code] = await once(child, 'close')
    assertSecret([CANARY, 'canary'], text, 'the command')
    assert.equal(code, status, text)
  }
})
