import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { channel } from 'node:diagnostics_channel'
import { afterEach, test } from 'node:test'
import { promisify } from 'node:util'
import {
  CallReceiver,
  CopyAborted,
  CopyFailed,
  CopyManager,
  copy,
  type DiagnosticsMessages,
  IteratorProducer,
  NullReceiver,
  type Receiver,
} from '../../../../src/index.js'
import { startFleet } from '../../../support/fleet.js'
import { fromTable, intoTable, iterate } from '../../../support/story.js'

type Name = keyof DiagnosticsMessages
type Heard = { [N in Name]: { readonly name: N; readonly message: DiagnosticsMessages[N] } }[Name]

const NAMES: readonly Name[] = [
  'copyman:start',
  'copyman:pass',
  'copyman:fault',
  'copyman:reconcile',
  'copyman:commit',
  'copyman:end',
]
const fleet = await startFleet(2)
await fleet.everywhere('CREATE TABLE t (i int)')
await fleet.source.query('INSERT INTO t SELECT generate_series(1, 3000)')

let stop: () => void = () => undefined
afterEach(() => stop())

/** Everything that is published from now on until the test ends. */
const listen = (): Heard[] => {
  const heard: Heard[] = []
  const listeners = NAMES.map((name) => {
    const listener = (message: unknown): unknown => heard.push({ name, message } as Heard)
    channel(name).subscribe(listener)
    return () => channel(name).unsubscribe(listener)
  })
  stop = () => {
    for (const off of listeners) off()
  }
  return heard
}

const only = <N extends Name>(heard: readonly Heard[], name: N): DiagnosticsMessages[N][] =>
  heard.filter((one) => one.name === name).map(({ message }) => message as DiagnosticsMessages[N])

test('a copy with a fault and a further pass publishes all messages in their order, each with its facts', async () => {
  const heard = listen()
  const boom = new Error('not today')
  let throwing = true
  const failing = new CallReceiver(
    () => {
      if (throwing) throw boom
    },
    { name: 'failing' },
  )
  const manager = new CopyManager(fromTable(fleet.source, 't'), [
    ...fleet.targets.map((target) => intoTable(target, 't', { before: ['TRUNCATE t'] })),
    failing,
  ])
  await manager.open()
  await iterate(manager, {
    fault: async () => {
      throwing = false
      await manager.reconcile(failing, { from: 'start' })
    },
  })
  const names = heard.map(({ name }) => name.replace('copyman:', ''))
  assert.deepEqual(names, ['start', 'pass', 'fault', 'reconcile', 'pass', 'commit', 'commit', 'end'])
  const number = heard[0]?.message.copy as number
  assert.ok(number > 0 && heard.every(({ message }) => message.copy === number))
  const [start] = only(heard, 'copyman:start')
  assert.equal(start?.manager, manager)
  assert.deepEqual([start?.source, start?.receivers], ['source', ['target1', 'target2', 'failing']])
  assert.deepEqual(only(heard, 'copyman:pass'), [
    { copy: number, pass: 1, receivers: ['target1', 'target2', 'failing'] },
    { copy: number, pass: 2, receivers: ['failing'] },
  ])
  const [fault] = only(heard, 'copyman:fault')
  assert.equal(fault?.receiver, 'failing')
  assert.equal(fault?.error.cause, boom)
  assert.deepEqual(only(heard, 'copyman:reconcile'), [{ copy: number, receiver: 'failing', from: 'start' }])
  const commits = only(heard, 'copyman:commit')
  assert.deepEqual(commits.map(({ receiver, rows }) => [receiver, rows]).sort(), [
    ['target1', 3000],
    ['target2', 3000],
  ])
  const [end] = only(heard, 'copyman:end')
  assert.deepEqual([end?.end, end?.error, end?.result.rows], ['done', undefined, 3000])
  assert.ok(commits.every(({ bytes, seconds }) => bytes === end?.result.bytes && seconds > 0))
  assert.deepEqual(
    end?.result.receivers.map(({ state }) => state),
    ['committed', 'committed', 'completed'],
  )
})

test('each end is published once, with its kind and its error', async () => {
  const heard = listen()
  const boom = new Error('boom')
  const sources = {
    failsToOpen: { name: 'a', canRepeat: false, open: () => Promise.reject(boom), produce: async () => ({}) },
    fails: (async function* () {
      yield ['1\n']
      throw boom
    })(),
  }
  for (const from of Object.values(sources))
    await assert.rejects(copy({ from, to: [new NullReceiver()] }), CopyFailed)
  const thrower = (): never => {
    throw boom
  }
  await assert.rejects(copy({ from: [['1\n']], to: [thrower] }), CopyFailed)
  await assert.rejects(copy({ from: [['1\n']], to: [thrower], onFault: 'isolate' }), CopyFailed)
  await assert.rejects(
    copy({ from: [['1\n']], to: [() => undefined], signal: AbortSignal.abort() }),
    CopyAborted,
  )
  const left = new CopyManager(new IteratorProducer([['1\n']]), [new NullReceiver()])
  await left.open()
  await left[Symbol.asyncDispose]()
  await left[Symbol.asyncDispose]()
  // nothing has begun
  await new CopyManager(new IteratorProducer([['1\n']]), [new NullReceiver()]).close()
  assert.deepEqual(
    only(heard, 'copyman:end').map(({ end, error }) => [end, error?.cause === boom]),
    [
      ['failed', true],
      ['failed', false],
      ['failed', true],
      ['failed', true],
      ['aborted', false],
      ['aborted', false],
    ],
  )
  assert.equal(only(heard, 'copyman:start').length, 6)
  assert.deepEqual(
    only(heard, 'copyman:fault').map(({ receiver, error }) => [receiver, error.code]),
    [
      [undefined, 'COPY_CALLABLE'],
      [undefined, 'COPY_PRODUCER_FAULT'],
      ['receiver 1', 'COPY_CALLABLE'],
      ['receiver 1', 'COPY_CALLABLE'],
    ],
  )
})

test('no message is made without a listener', async () => {
  class Watched extends CopyManager {
    asked = 0
    override get outcomes() {
      this.asked += 1
      return super.outcomes
    }
  }
  const receivers = (): Receiver[] => [new NullReceiver()]
  const unheard = new Watched(new IteratorProducer([['1\n']]), receivers())
  await iterate(unheard)
  assert.equal(unheard.asked, 0)
  const heard = listen()
  const watched = new Watched(new IteratorProducer([['1\n']]), receivers())
  await iterate(watched)
  assert.ok(watched.asked > 0 && heard.length > 0)
})

test('listeners that throw do not affect the copy: Node reports their errors separately', async () => {
  const program = `
    import { channel } from 'node:diagnostics_channel'
    import { copy } from ${JSON.stringify(new URL('../../../../src/index.js', import.meta.url).href)}
    let uncaught = 0
    process.on('uncaughtException', () => (uncaught += 1))
    for (const name of ${JSON.stringify(NAMES)})
      channel(name).subscribe(() => { throw new Error(name) })
    let calls = 0
    const { receivers } = await copy({
      from: [['1\\n']],
      to: [() => { if (calls++ === 0) throw new Error('once') }],
      onFault: (fault, manager) => manager.reconcile([...fault.faults.keys()][0]),
    })
    await new Promise(setImmediate)
    console.log(receivers[0].state, calls, uncaught)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  assert.equal(stdout, 'completed 2 5\n')
})
