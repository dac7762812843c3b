import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { Line, received } from '../../support/line.js'
import { type Listener, listen, silentServer } from '../../support/listener.js'
import { type Place, type Policy, type Relay, relay } from '../../support/relay.js'
import { countRemains } from '../../support/remains.js'
import { soon } from '../../support/soon.js'
import { startSwitchboard } from '../../support/switchboard.js'
import { startThrottled } from '../../support/throttle.js'
import { cutInsteadOf, keepBackFrom, type Treat, type Treatment, treating } from '../../support/treatments.js'
import { message } from '../../support/wire.js'

const opening = (body: string): Buffer => message('?', body).subarray(1)
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const STARTUP = opening('\0\x03\0\0user\0ann\0\0')
const READY = message('Z', 'I')
const COMMITTED = message('C', 'COMMIT\0')

const ASKED: [type: string, bytes: Buffer][] = [
  ['ssl', SSL_REQUEST],
  ['startup', STARTUP],
  ['Q', message('Q', 'COMMIT\0')],
  ['c', message('c')],
  ['d', message('d', 'a row\n')],
  ['X', message('X')],
]
const ANSWERED: [type: string, bytes: Buffer][] = [
  ['N', Buffer.from('N')],
  ['R', message('R', Buffer.alloc(4))],
  ['C', COMMITTED],
  ['Z', READY],
]
const bytesOf = (messages: readonly (readonly [string, Buffer])[]): Buffer =>
  Buffer.concat(messages.map(([, bytes]) => bytes))

const at = ({ port }: Listener): Place => ({
  connection: { host: '127.0.0.1', port, user: 'ann', database: 'app' },
})
/** A server that sends these bytes to each client, and reads all that comes. */
const speaker = (bytes: Buffer): Promise<Listener> => silentServer((client) => client.write(bytes))

const callOn = async ({ connection: { host, port } }: Place): Promise<Socket> => {
  const client = connect({ host, port, noDelay: true, allowHalfOpen: true })
  await once(client, 'connect')
  return client
}

const isLost = async (client: Socket): Promise<void> => {
  // a reset comes as an error
  client.on('error', () => undefined)
  client.on('end', () => client.end())
  client.resume()
  if (!client.closed) await soon(new Promise((resolve) => client.once('close', resolve)), 'the client is cut')
}

const until = (isTrue: () => boolean, what: string): Promise<void> => {
  const wait = async (): Promise<void> => {
    while (!isTrue()) await turn()
  }
  return soon(wait(), what)
}

const allOf = async (client: Socket): Promise<string> => {
  const pieces: Buffer[] = []
  for await (const bytes of received(client)) pieces.push(bytes)
  return Buffer.concat(pieces).toString('latin1')
}

test('messages in two pieces, cut at every byte, arrive whole at the policy and unchanged at the other end', async () => {
  for (const [direction, messages] of [
    ['toServer', ASKED],
    ['toClient', ANSWERED],
  ] as const) {
    const whole = bytesOf(messages)
    for (let k = 0; k <= whole.length; k += 1) {
      const seen: unknown[] = []
      const stage = treating(({ type, bytes, index, offset }) => {
        seen.push([type, bytes.toString('latin1'), index, offset])
        return undefined
      })[direction]
      const line = new Line(0, new Socket(), new Socket())
      if (direction === 'toClient') line.fromServer.expectByte()
      const passed: Uint8Array[] = []
      const incoming = (async function* () {
        yield whole.subarray(0, k)
        yield whole.subarray(k)
      })()
      for await (const bytes of stage(incoming, line)) passed.push(bytes)
      const expected = messages.map(([type, bytes], i) => [
        type,
        bytes.toString('latin1'),
        i,
        bytesOf(messages.slice(0, i)).length,
      ])
      assert.deepEqual(seen, expected, `${direction}, cut at ${k}`)
      assert.ok(Buffer.concat(passed).equals(whole), `${direction}, cut at ${k}`)
    }
  }
})

test('without a policy all bytes and both ends pass in both directions', async () => {
  let heard = ''
  await using server = await listen(
    async (client) => {
      heard = await allOf(client)
      client.end(bytesOf(ANSWERED))
    },
    { allowHalfOpen: true },
  )
  await using through = await relay(at(server))
  const client = await callOn(through)
  client.end(bytesOf(ASKED))
  assert.equal(await soon(allOf(client), 'the answer'), bytesOf(ANSWERED).toString('latin1'))
  assert.equal(heard, bytesOf(ASKED).toString('latin1'))
  await isLost(client)
  assert.deepEqual([through.made, through.silenced], [1, 0])
})

/** What a client hears of `COMMIT` and ReadyForQuery, with this treatment of `COMMIT`. */
const heardWith = async (treatment: Treatment): Promise<string> => {
  await using server = await listen((client) => client.end(Buffer.concat([COMMITTED, READY])))
  await using through = await relay(at(server), ({ type }) => (type === 'C' ? treatment : undefined))
  const client = await callOn(through)
  const heard = await soon(allOf(client), 'the end')
  client.destroy()
  return heard
}

test('a message is cut, doubled or replaced, and delayed or throttled no shorter than asked for', async () => {
  const [committed, ready] = [COMMITTED.toString('latin1'), READY.toString('latin1')]
  for (let k = 0; k <= committed.length; k += 1)
    assert.equal(await heardWith({ do: 'cut', at: k, how: 'end' }), committed.slice(0, k))
  assert.equal(await heardWith({ do: 'duplicate' }), committed + committed + ready)
  assert.equal(await heardWith({ do: 'replace', bytes: Buffer.from('other') }), `other${ready}`)
  for (const [treatment, ms] of [
    [{ do: 'delay', ms: 100 }, 100],
    [{ do: 'throttle', bytesPerSecond: committed.length * 10 }, 100],
  ] as const) {
    const beganAt = performance.now()
    assert.equal(await heardWith(treatment), committed + ready)
    // a timer of node may fire up to a millisecond early, and a throttle has several
    assert.ok(performance.now() - beganAt >= ms * 0.9, `${treatment.do}: ${performance.now() - beganAt} ms`)
  }
})

test('a cut by reset reaches both sides', async () => {
  const lost: string[] = []
  await using server = await listen((client) => {
    client.on('error', (error: NodeJS.ErrnoException) => lost.push(`server ${error.code}`))
    client.resume()
  })
  await using through = await relay(at(server), () => ({ do: 'cut', at: 0, how: 'reset' }))
  const client = await callOn(through)
  client.on('error', (error: NodeJS.ErrnoException) => lost.push(`client ${error.code}`))
  await until(() => server.open === 1, 'the relay is connected')
  await until(() => [...through.lines].every((line) => !line.server.connecting), 'the relay is connected')
  client.write(STARTUP)
  await isLost(client)
  await until(() => server.open === 0, 'the server is cut')
  assert.deepEqual(lost.sort(), ['client ECONNRESET', 'server ECONNRESET'])
})

test('the answer to COMMIT is cut off, and what came before arrives', async () => {
  await using server = await speaker(Buffer.concat([READY, COMMITTED, READY]))
  await using through = await relay(at(server), cutInsteadOf('COMMIT'))
  const client = await callOn(through)
  assert.equal(await soon(allOf(client), 'the end'), READY.toString('latin1'))
  client.destroy()
})

test('a message that is kept back comes when it is released, with all that followed', async () => {
  await using server = await listen((client) => client.end(Buffer.concat([READY, COMMITTED, READY])))
  const { treat, keeps, release } = keepBackFrom(({ type }) => type === 'C')
  await using through = await relay(at(server), treat)
  const client = await callOn(through)
  const [before] = (await soon(once(client, 'data'), 'what came before')) as [Buffer]
  assert.ok(before.equals(READY))
  assert.equal(keeps(), true)
  client.pause()
  release()
  assert.equal(await soon(allOf(client), 'the rest'), Buffer.concat([COMMITTED, READY]).toString('latin1'))
  client.destroy()
})

test('a throttled line lets a client send at its speed, until it is lifted', async () => {
  let heard = 0
  await using server = await silentServer((client) => {
    client.on('data', (bytes) => {
      heard += bytes.length
    })
  })
  await using line = await startThrottled(at(server), 1)
  const client = await callOn(line)
  client.write(Buffer.alloc(600))
  await sleep(100)
  assert.equal(heard, 0)
  line.lift()
  await until(() => heard === 600, 'the bytes arrive')
  client.destroy()
})

test('on a frozen line nothing passes, not even the end of the connection to the server', async () => {
  await using server = await listen((client) => client.on('data', () => client.destroy()))
  await using board = await startSwitchboard(at(server))
  const client = await callOn(board)
  await until(() => server.open === 1, 'the first line is made')
  const [frozen] = [...board.lines] as [Line]
  board.freeze()
  client.write('x')
  frozen.server.resetAndDestroy()
  // a line that is not frozen passes bytes, and the end of the connection
  const other = await callOn(board)
  other.write('x')
  await isLost(other)
  board.route('silence')
  const silent = await callOn(board)
  await until(() => board.silenced === 1, 'a connection leads to silence')
  assert.deepEqual([frozen.server.closed, client.closed, client.readableEnded], [true, false, false])
  await until(() => board.open === 2 && server.open === 0, 'only the frozen and the silent line are left')
  silent.destroy()
  client.destroy()
})

const endless = new Promise<never>(() => undefined)
/** The states in which a line may be when its relay is closed. */
const STATES: Record<string, (server: Place) => Promise<Relay>> = {
  'that passes bytes': (server) => relay(server),
  'that holds a message for good': (server) => relay(server, () => ({ do: 'hold', until: endless })),
  'that delays a message': (server) => relay(server, () => ({ do: 'delay', ms: 60_000 })),
  'that is throttled': (server) => startThrottled(server, 0.001),
  'that leads to silence': (server) => relay(server, { route: () => 'silence' }),
  'that is frozen': async (server) => {
    const board = await startSwitchboard(server)
    setImmediate(() => board.freeze())
    return board
  },
  'that is being secured': (server) =>
    relay(server, {
      secure({ client }) {
        client.resume()
        return endless
      },
    }),
}

for (const [what, make] of Object.entries(STATES)) {
  test(`close() leaves no socket, port or timer of a line ${what}`, async () => {
    const remains = countRemains()
    const server = await speaker(READY)
    const through = await make(at(server))
    const client = await callOn(through)
    client.write(STARTUP)
    await until(() => through.made === 1, 'the relay accepts')
    await until(() => [...through.lines].every((line) => line.client.bytesRead > 0), 'the relay reads')
    // the bytes come to the policy now
    await turn()
    await soon(through.close(), 'close()')
    assert.equal(through.open, 0)
    await isLost(client)
    await server.close()
    await remains.assertNoneLeft()
  })
}

test('a client of a server that is not there is closed, and the relay is well', async () => {
  const closed = await silentServer()
  await closed.close()
  await using through = await relay(at(closed))
  const client = await callOn(through)
  await isLost(client)
})

const boom = new Error('an error of the policy')
const fail = (): never => {
  throw boom
}
const THROWING: Record<string, Policy | Treat> = {
  'in its treatment of a message': fail,
  'in its choice of a route': { route: fail },
  'in its handshake': { secure: async () => fail() },
  'in its stage to the server': {
    // biome-ignore lint/correctness/useYield: it throws before
    async *toServer() {
      fail()
    },
  },
  'in its stage to the client, later': {
    async *toClient(incoming) {
      for await (const bytes of incoming) {
        yield bytes
        fail()
      }
    },
  },
}

for (const [where, policy] of Object.entries(THROWING)) {
  test(`a policy that throws ${where} cuts the connection and fails the test that uses it`, async () => {
    const remains = countRemains()
    const server = await speaker(READY)
    const use = async (): Promise<void> => {
      await using through = await relay(at(server), policy)
      const client = await callOn(through)
      client.write(STARTUP)
      await isLost(client)
    }
    await assert.rejects(use(), boom)
    await server.close()
    await remains.assertNoneLeft()
  })
}

test('an error after close() is thrown, because no later close() could report it', async () => {
  const server = await silentServer()
  await server.close()
  assert.throws(() => server.fail(boom), boom)
})
