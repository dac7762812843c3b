import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReportedFaults } from '../../../../src/main/coordinator/reported-faults.js'
import type { ReceiverHandle } from '../../../../src/main/handles/receiver-handle.js'
import { NullReceiver } from '../../../../src/main/receivers/null-receiver.js'
import { CopyError } from '../../../../src/shared/errors/errors.js'

class FakeHandle {
  readonly receiver = new NullReceiver()
  state = 'receiving'
  fault: CopyError | undefined

  fail(message: string): void {
    this.state = 'faulted'
    this.fault = new CopyError('COPY_SERVER', message)
  }

  reconcile(): void {
    this.state = 'receiving'
    this.fault = undefined
  }
}

/** Two handles, and what is asked about them. */
const start = () => {
  const [first, second] = [new FakeHandle(), new FakeHandle()]
  const handles = [first, second] as unknown as ReceiverHandle[]
  const faults = new ReportedFaults()
  const take = () => [...(faults.take(handles)?.faults.values() ?? [])].map(({ message }) => message)
  const undecided = () => faults.undecided(handles).map((handle) => handles.indexOf(handle))
  const forget = (at: number) => faults.forget(handles[at] as ReceiverHandle)
  return { first, second, take, undecided, forget }
}

test('a fault is taken once, and is undecided from then on', () => {
  const { first, second, take, undecided } = start()
  first.fail('a')
  assert.deepEqual(undecided(), [], 'the caller does not know of it yet')
  assert.deepEqual(take(), ['a'])
  second.fail('b')
  assert.deepEqual(undecided(), [0])
  assert.deepEqual(take(), ['b'])
  assert.deepEqual(take(), [])
  assert.deepEqual(undecided(), [0, 1])
})

test('a second fault of an undecided receiver is not another one for the caller', () => {
  const { first, take, undecided } = start()
  first.fail('stalled')
  take()
  first.fail('lost')
  assert.deepEqual([take(), undecided()], [[], [0]])
})

test('after a reconcile the next fault is a new one, whether or not a turn was in between', () => {
  const { first, take, undecided, forget } = start()
  first.fail('a')
  take()
  first.reconcile()
  forget(0)
  first.fail('b')
  assert.deepEqual([undecided(), take()], [[], ['b']])
  first.reconcile()
  assert.deepEqual(take(), [])
  first.fail('c')
  assert.deepEqual([undecided(), take()], [[], ['c']])
})
