import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, beforeEach } from 'node:test'
import { TLSSocket } from 'node:tls'
import { Worker } from 'node:worker_threads'
import type pg from 'pg'
import type { Server } from '../../scripts/postgres/server.js'
import {
  type ConnectionInput,
  type CopyError,
  CopyManager,
  NullReceiver,
  ProducerFault,
  StatementProducer,
} from '../../src/index.js'
import { cancelRequest } from '../../src/shared/wire/cancel-request.js'
import { startFleet } from '../support/fleet.js'
import { probesDue, seesKeepalive } from '../support/keepalive.js'
import { type Listener, silentServer } from '../support/listener.js'
import {
  assertSame,
  assertStates,
  BOUND_MS,
  failsWith,
  fromTable,
  inTime,
  intoTable,
  iterate,
  logFromNow,
  story,
  until,
} from '../support/story.js'

const fleet = await startFleet(1)
const [target] = fleet.targets as [Server]
/** What the contract gives half a second for may take longer on a machine that is busy with other tests. */
const SLACK_MS = BOUND_MS
/** Enough for a connection that succeeds, beside others, on such a machine. */
const PATIENT_MS = 2000
const CONNECT_MS = 600

await fleet.everywhere('CREATE TABLE t (i int)')
await fleet.source.query('INSERT INTO t SELECT generate_series(1, 1000)')
beforeEach(() => target.query('TRUNCATE t'))

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../test/fixtures/tls/${name}`, import.meta.url))

const servers: Listener[] = []
const areClosed = (): boolean => servers.every(({ open }) => open === 0)
const cleanups: (() => unknown)[] = []
after(async () => {
  for (const act of cleanups) await act()
})

/** A port that sends `answer` to each connection. */
const listen = async (answer: (socket: Socket) => void): Promise<number> => {
  const server = await silentServer(answer)
  servers.push(server)
  cleanups.push(() => server.close())
  return server.port
}

/** A port that the kernel takes connections for until its queue is full, and drops what comes then. */
const deafPort = async (): Promise<number> => {
  const worker = new Worker(
    `const { createServer } = require('node:net')
     const { parentPort } = require('node:worker_threads')
     const listener = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(listener.address().port)
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
     })`,
    { eval: true },
  )
  const [port] = (await once(worker, 'message')) as [number]
  const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
  cleanups.push(async () => {
    for (const filler of fillers) filler.destroy()
    await worker.terminate()
  })
  await until(() => fillers.some((filler) => filler.connecting === false), 'the queue fills')
  // those that the kernel has taken are in the queue; the others never will be
  let taken = 0
  await until(async () => {
    const now = fillers.filter((filler) => !filler.connecting).length
    await new Promise((resolve) => setTimeout(resolve, 200))
    const isFull = now === taken && now < fillers.length
    taken = now
    return isFull
  }, 'the queue is full')
  return port
}

const message = (type: string, ...parts: (string | number)[]): Buffer => {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(`${part}\0`)
      const int = Buffer.alloc(4)
      int.writeInt32BE(part)
      return int
    }),
  )
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const OK = message('R', 0)

const afterStartup =
  (...said: Buffer[]) =>
  (socket: Socket): void => {
    socket.once('data', () => socket.write(Buffer.concat(said)))
  }

const withTls = (socket: Socket): void => {
  socket.once('data', () => {
    socket.write('S', () => {
      socket.pause()
      const secure = new TLSSocket(socket, {
        isServer: true,
        key: fixture('server.key'),
        cert: fixture('server.crt'),
      })
      secure.on('error', () => undefined)
      secure.resume()
    })
  })
}

/** Goes on saying what belongs there, and never that it is ready. */
const talkative = (socket: Socket): void => {
  socket.once('data', () => {
    socket.write(OK)
    const timer = setInterval(() => socket.write(message('S', 'parameter', 'value')), 50)
    socket.on('close', () => clearInterval(timer))
  })
}

const ssl = { rejectUnauthorized: false }

/** Each step of connecting at which a server may fall silent. */
const SILENCES: Record<string, { port: () => Promise<number>; more?: object }> = {
  'at TCP': { port: deafPort },
  'at the startup message': { port: () => listen(() => undefined) },
  'at SSLRequest': { port: () => listen(() => undefined), more: { ssl } },
  'at the TLS handshake': { port: () => listen(afterStartup(Buffer.from('S'))), more: { ssl } },
  'after the TLS handshake': { port: () => listen(withTls), more: { ssl } },
  'at the password': { port: () => listen(afterStartup(message('R', 3))) },
  'at the MD5 password': { port: () => listen(afterStartup(message('R', 5, 1))) },
  'at SASL': { port: () => listen(afterStartup(message('R', 10, 'SCRAM-SHA-256', ''))) },
  'after AuthenticationOk': { port: () => listen(afterStartup(OK)) },
  'but for parameters': { port: () => listen(talkative) },
}

/** A cancel request knows no authentication. */
const CANCELLING = Object.keys(SILENCES).slice(0, 5)

const silent = await Promise.all(
  Object.entries(SILENCES).map(async ([name, { port, more }]) => {
    const connection = {
      host: '127.0.0.1',
      port: await port(),
      user: 'ann',
      database: 'app',
      password: 'canary-D3ad',
      ssl: false as object | false,
      ...more,
    }
    return { name, connection }
  }),
)

const assertTooLate = (
  fault: CopyError | undefined,
  limitMs: number,
  beganAt: number,
  name: string,
): void => {
  assert.deepEqual([fault?.code, fault?.phase], ['COPY_CONNECT', 'connect'], `${name}: ${fault?.message}`)
  const sentence = `^cannot connect to 127\\.0\\.0\\.1:\\d+: .* within ${limitMs} ms \\(deadlines\\.connect\\)$`
  assert.match(fault?.message ?? '', new RegExp(sentence))
  assert.doesNotMatch(JSON.stringify(fault), /canary/)
  const elapsed = performance.now() - beganAt
  assert.ok(elapsed >= limitMs - 1 && elapsed <= limitMs + SLACK_MS, `${name}: ${elapsed} ms`)
}

story(
  'row 2: targets that fall silent at any step of connecting are faults in time, and the other completes',
  async () => {
    const manager = new CopyManager(
      fromTable(fleet.source, 't'),
      [
        ...silent.map(({ name, connection }) => intoTable(target, 't', { name, connection })),
        intoTable(target, 't'),
      ],
      { deadlines: { connect: PATIENT_MS } },
    )
    const beganAt = performance.now()
    await inTime(manager.open(), 'open()')
    const { faults } = await iterate(manager, {
      fault: (fault) => {
        for (const error of fault.faults.values()) {
          assertTooLate(error, PATIENT_MS, beganAt, String(error.receiver))
        }
      },
    })
    assert.deepEqual(
      faults.flatMap((fault) => [...fault.faults.values()].map(({ receiver }) => receiver)).sort(),
      Object.keys(SILENCES).sort(),
    )
    const tcp = faults
      .flatMap((fault) => [...fault.faults.values()])
      .find(({ receiver }) => receiver === 'at TCP')
    assert.match(tcp?.message ?? '', /no TCP connection within/)
    assertStates(manager, ...silent.map(() => 'dropped' as const), 'committed')
    await until(areClosed, 'the silent connections are closed')
    await assertSame(fleet.all, 't')
  },
)

/** The fault of a copy whose source is the connection. */
const sourceFault = async (connection: ConnectionInput): Promise<CopyError> => {
  const producer = new StatementProducer({ connection, statement: 'COPY t TO STDOUT' })
  const manager = new CopyManager(producer, [new NullReceiver()], { deadlines: { connect: CONNECT_MS } })
  const error = await inTime(failsWith(manager.run(), { cause: ProducerFault }), 'the copy')
  return error.cause.cause as CopyError
}

for (const { name, connection } of silent) {
  story(`row 2: a source that falls silent ${name} is a fault in time`, async () => {
    const beganAt = performance.now()
    assertTooLate(await sourceFault(connection), CONNECT_MS, beganAt, name)
    await until(areClosed, 'the silent connection is closed')
  })

  if (CANCELLING.includes(name))
    story(`row 2: a cancel request whose server falls silent ${name} ends at its deadline`, async () => {
      const client = { ...connection, processID: 1, secretKey: 2, connection: { stream: {} } }
      await inTime(cancelRequest(client as unknown as pg.Client, CONNECT_MS), 'the cancel request')
      await until(areClosed, 'its connection is closed')
    })
}

story(
  'row 1: a port that refuses and a host without an address are faults of their receiver, or of the source',
  async () => {
    const closed = await silentServer()
    await closed.close()
    const { port } = closed
    const bad = {
      refused: { ...target.connection, port },
      unknown: { ...target.connection, host: 'nowhere.invalid' },
    }
    const manager = new CopyManager(fromTable(fleet.source, 't'), [
      ...Object.entries(bad).map(([name, connection]) => intoTable(target, 't', { name, connection })),
      intoTable(target, 't'),
    ])
    const { faults } = await iterate(manager)
    const said = new Map(
      faults.flatMap((fault) => [...fault.faults.values()].map((error) => [error.receiver, error])),
    )
    assert.deepEqual([...said.keys()].sort(), ['refused', 'unknown'])
    for (const fault of said.values())
      assert.deepEqual([fault.code, fault.phase], ['COPY_CONNECT', 'connect'])
    assert.match(said.get('refused')?.message ?? '', /cannot connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
    assert.match(said.get('unknown')?.message ?? '', /cannot connect to nowhere\.invalid:\d+: /)
    await assertSame(fleet.all, 't')
    for (const connection of Object.values(bad)) {
      const fault = await sourceFault(connection)
      assert.deepEqual([fault.code, fault.phase], ['COPY_CONNECT', 'connect'])
    }
  },
)

story(
  'row 5: each kind of COPY that is refused is a fault of its receiver, aligned, and the other completes',
  async () => {
    await target.query('CREATE ROLE nobody LOGIN')
    const { connection } = target
    const kinds: Record<string, [more: Parameters<typeof intoTable>[2], code: string, sqlState?: string]> = {
      'no table': [{ statement: 'COPY missing FROM STDIN' }, 'COPY_SERVER', '42P01'],
      'no column': [{ statement: 'COPY t (missing) FROM STDIN' }, 'COPY_SERVER', '42703'],
      'no right': [{ connection: { ...connection, user: 'nobody' } }, 'COPY_SERVER', '42501'],
      'read-only': [
        { connection: { ...connection, options: '-c default_transaction_read_only=on' } },
        'COPY_SERVER',
        '25006',
      ],
      'no SQL': [{ statement: 'COPI t FROM STDIN' }, 'COPY_SERVER', '42601'],
      'no COPY': [{ statement: 'SELECT 1' }, 'COPY_PROTOCOL'],
      'the other direction': [{ statement: 'COPY t TO STDOUT' }, 'COPY_OPTION'],
      before: [{ before: ['SELECT 1/0'] }, 'COPY_SERVER', '22012'],
    }
    const log = await logFromNow(target)
    try {
      const manager = new CopyManager(fromTable(fleet.source, 't'), [
        ...Object.entries(kinds).map(([name, [more]]) => intoTable(target, 't', { name, ...more })),
        intoTable(target, 't'),
      ])
      const { faults } = await iterate(manager)
      const said = faults.flatMap((fault) => [...fault.faults.values()])
      for (const [name, [, code, sqlState]] of Object.entries(kinds)) {
        const fault = said.find(({ receiver }) => receiver === name)
        assert.deepEqual(
          [fault?.code, fault?.sqlState, fault?.phase],
          [code, sqlState, 'start'],
          fault?.message,
        )
      }
      assert.equal(said.length, Object.keys(kinds).length)
      assertStates(manager, ...said.map(() => 'dropped' as const), 'committed')
      await fleet.assertNoConnections()
    } finally {
      await target.query('DROP ROLE nobody')
    }
    assert.doesNotMatch(await log(), /unexpected EOF|connection to client lost|could not receive/)
    await assertSame(fleet.all, 't')
  },
)

story('TCP keepalive is on for every connection, and begins soon', { skip: !seesKeepalive }, async (s) => {
  const areOn = (port: number, connections: number) =>
    until(() => {
      const due = probesDue(port)
      return due.length === connections && due.every((seconds) => seconds !== undefined && seconds <= 10)
    }, `${connections} connections to ${port} have keepalive on`)
  await using manager = new CopyManager(
    new StatementProducer({
      connection: fleet.source.connection,
      statement:
        'COPY (SELECT i FROM generate_series(1, 10000) AS i UNION ALL SELECT pg_sleep(60)::text::int) TO STDOUT',
    }),
    [intoTable(target, 't')],
  )
  await manager.open()
  await areOn(fleet.source.connection.port, 1)
  await areOn(target.connection.port, 1)

  const port = await listen(() => undefined)
  s.defer(cleanups.pop() as () => unknown)
  const own = { connection: { stream: {} }, processID: 1, secretKey: 2 }
  const client = { host: '127.0.0.1', port, ssl: false, ...own }
  const cancelling = cancelRequest(client as unknown as pg.Client, CONNECT_MS)
  await areOn(port, 1)
  await cancelling
})
