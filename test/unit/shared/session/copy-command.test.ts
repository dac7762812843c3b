import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { Connection } from 'pg'
import { CopyCommand, type CopyProtocol } from '../../../../src/shared/session/copy-command.js'

/** pg's connection as far as a COPY uses it: what is sent, and whether the socket was destroyed. */
class FakeConnection extends EventEmitter {
  readonly sent: string[] = []
  isDestroyed = false
  readonly stream = {
    cork: () => undefined,
    uncork: () => undefined,
    destroy: () => {
      this.isDestroyed = true
    },
  }
  query = (): void => this.#send('Query')
  parse = (): void => this.#send('Parse')
  bind = (): void => this.#send('Bind')
  execute = (): void => this.#send('Execute')
  sync = (): void => this.#send('Sync')
  endCopyFrom = (): void => this.#send('CopyDone')
  sendCopyFail = (reason: string): void => this.#send(`CopyFail ${reason}`)

  #send(message: string): void {
    this.sent.push(message)
  }
}

type Step = (command: CopyCommand, connection: FakeConnection) => void

const copyIn: Step = (_, connection) => connection.emit('copyInResponse')
const copyOut: Step = (_, connection) => connection.emit('copyOutResponse')
const copyDone: Step = (_, connection) => connection.emit('copyDone')
const done: Step = (command) => command.done()
const fail: Step = (command) => command.fail('on\npurpose')
const complete =
  (text = 'COPY 3'): Step =>
  (command) =>
    command.handleCommandComplete({ text })
/** After an error pg has dropped the command, which listens on the connection itself then. */
const ready: Step = (command, connection) => {
  if (!connection.emit('readyForQuery')) command.handleReadyForQuery()
}
const row: Step = (command) => {
  command.handleRowDescription()
  command.handleDataRow()
}
const error: Step = (command) =>
  command.handleError(Object.assign(new Error('refused'), { severity: 'ERROR' }))
const lost: Step = (command) => command.handleError(new Error('gone'))
const closed: Step = (_, connection) => connection.emit('end')
const data: Step = (command) => command.handleCopyData()

/** What becomes of a COPY that takes these steps. */
const run = async (protocol: CopyProtocol, steps: readonly Step[]) => {
  const connection = new FakeConnection()
  const command = new CopyCommand('COPY t', protocol)
  command.submit(connection as unknown as Connection)
  const submitted = connection.sent.length
  for (const step of steps) step(command, connection)
  const pending = Promise.resolve('pending')
  const settled = (promise: Promise<string>): Promise<string> =>
    Promise.race([promise.catch((error: Error) => `failed: ${error.message}`), pending.then((it) => it)])
  // a rejection takes one turn more than a value
  await new Promise((resolve) => setImmediate(resolve))
  const { isAligned, isOver, isTaking } = command
  return {
    started: await settled(command.started),
    finished: await settled(command.finished),
    flags: Object.entries({ isAligned, isOver, isTaking, isDestroyed: connection.isDestroyed })
      .filter(([, is]) => is)
      .map(([name]) => name)
      .join(' '),
    sent: connection.sent.slice(submitted).join(' '),
    listeners: connection.eventNames().length,
  }
}

const MORE = 'failed: more than one statement was given; one COPY is expected'
const ALIGNED = 'isAligned isOver'
const BROKEN = 'isOver isDestroyed'

const CASES: readonly [
  steps: readonly Step[],
  expected: { started?: string; finished?: string; flags?: string; sent?: string },
][] = [
  [[], { started: 'pending', finished: 'pending', flags: '' }],
  [[copyIn], { started: 'in', finished: 'pending', flags: 'isTaking' }],
  [[copyIn, done], { finished: 'pending', flags: '', sent: 'CopyDone' }],
  [[copyIn, done, complete()], { finished: 'pending', flags: '' }],
  [[copyIn, done, complete(), ready], { finished: 'COPY 3', flags: ALIGNED }],
  [[copyIn, fail], { finished: 'pending', flags: '', sent: 'CopyFail on purpose' }],
  [[copyIn, fail, error], { finished: 'pending', flags: 'isOver' }],
  [[copyIn, fail, error, ready], { finished: 'failed: refused', flags: ALIGNED }],
  [[copyIn, fail, done, fail], { sent: 'CopyFail on purpose' }],
  [[copyIn, error, done, fail], { started: 'in', finished: 'pending', sent: '' }],
  [[copyOut, copyDone, complete(), ready], { started: 'out', finished: 'COPY 3', flags: ALIGNED }],
  [[copyOut, error, ready], { started: 'out', finished: 'failed: refused', flags: ALIGNED }],
  [[error], { started: 'failed: refused', finished: 'pending', flags: 'isOver' }],
  [[error, ready], { started: 'failed: refused', finished: 'failed: refused', flags: ALIGNED }],
  [[lost], { started: 'failed: gone', finished: 'failed: gone', flags: 'isOver' }],
  [[copyIn, lost], { started: 'in', finished: 'failed: gone', flags: 'isOver' }],
  [[copyIn, error, closed], { started: 'in', finished: 'failed: refused', flags: 'isOver' }],
  // no COPY
  [[ready], { finished: 'failed: the statement is no COPY: the server answered nothing', flags: ALIGNED }],
  [
    [row, complete('SELECT 1'), ready],
    { finished: 'failed: the statement is no COPY: the server answered SELECT 1' },
  ],
  [
    [(command) => command.handleEmptyQuery(), ready],
    { finished: 'failed: the statement is no COPY: the server answered an empty query' },
  ],
  // more than one statement
  [[copyIn, done, complete(), complete('BEGIN'), ready], { finished: MORE, flags: ALIGNED }],
  [
    [complete('SELECT 1'), copyOut, copyDone, complete(), ready],
    { started: 'out', finished: MORE, flags: ALIGNED },
  ],
  [[complete('SET'), complete('SET'), copyIn], { started: 'in', finished: 'pending', flags: 'isTaking' }],
  [
    [complete('SET'), complete('SET'), copyIn, done, complete(), ready],
    { started: 'in', finished: MORE, flags: ALIGNED },
  ],
  [
    [complete('SET'), complete('SET'), copyIn, fail, error, ready],
    { finished: 'failed: refused', flags: ALIGNED },
  ],
  [[complete('SET'), complete('SET'), ready], { started: MORE, finished: MORE, flags: ALIGNED }],
  [[copyIn, done, complete(), row], { finished: MORE, flags: BROKEN }],
  [[copyOut, copyDone, complete(), copyOut], { finished: MORE, flags: BROKEN }],
  // out of place
  [[copyIn, complete()], { finished: 'failed: CommandComplete came where none belongs', flags: BROKEN }],
  [[copyIn, ready], { finished: 'failed: ReadyForQuery came where none belongs', flags: BROKEN }],
  [[copyOut, ready], { finished: 'failed: ReadyForQuery came where none belongs', flags: BROKEN }],
  [[copyIn, copyIn], { finished: 'failed: CopyInResponse came where none belongs', flags: BROKEN }],
  [[copyOut, copyIn], { finished: 'failed: CopyInResponse came where none belongs', flags: BROKEN }],
  [[copyDone], { finished: 'failed: CopyDone came where none belongs', flags: BROKEN }],
  [[copyOut, copyDone, copyDone], { finished: 'failed: CopyDone came where none belongs', flags: BROKEN }],
  [[copyOut, row], { finished: 'failed: RowDescription came where none belongs', flags: BROKEN }],
  [[copyOut, data], { finished: 'failed: CopyData came where none belongs', flags: BROKEN }],
  [
    [copyIn, complete(), ready, lost],
    { finished: 'failed: CommandComplete came where none belongs', flags: BROKEN },
  ],
]

test('each order of messages leads to the result that the protocol gives it', async () => {
  for (const [i, [steps, expected]] of CASES.entries()) {
    const actual = await run('simple', steps)
    assert.deepEqual({ ...actual, ...expected }, actual, `case ${i}`)
    if (actual.finished !== 'pending') assert.equal(actual.listeners, 0, `case ${i} leaves listeners`)
  }
})

for (const [how, steps] of [
  ['was completed', [copyIn, done]],
  ['was cancelled', [copyIn, fail]],
  ['was refused', [copyIn, error]],
  ['was completed and refused', [copyIn, done, error]],
] as const) {
  test(`in the extended protocol a COPY IN that ${how} sends one further Sync, and in the simple one none`, async () => {
    const syncs = async (protocol: CopyProtocol): Promise<number> =>
      (await run(protocol, steps)).sent.split(' ').filter((message) => message === 'Sync').length
    assert.deepEqual([await syncs('extended'), await syncs('simple')], [1, 0])
  })
}

test('a COPY that fails before it has begun sends no further Sync', async () => {
  assert.equal((await run('extended', [error, ready])).sent, '')
})
