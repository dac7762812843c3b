import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { CopyAborted, CopyManager, IteratorProducer, StreamReceiver } from '../../../../src/index.js'
import type { Placement } from '../../../../src/main/receivers/receiver.js'

/** More steps than lie between the completion of the only receiver and its COMMIT. */
const STEPS = 20

/** A receiver on the main thread, with something to commit, that calls back when it is asked to complete. */
class Completing extends StreamReceiver {
  readonly #completing: () => void

  constructor(completing: () => void) {
    super(new Writable({ write: (_chunk, _encoding, taken) => taken() }))
    this.#completing = completing
  }

  override async place(): Promise<Placement> {
    const placement = await super.place()
    if (placement.thread !== 'main') throw new TypeError('a stream is written on the main thread')
    return {
      ...placement,
      makeTarget: (event) => {
        const target = placement.makeTarget(event)
        const complete = target.complete.bind(target)
        target.complete = () => {
          this.#completing()
          return complete()
        }
        return target
      },
    }
  }
}

for (const onFault of ['isolate', 'abort'] as const) {
  test(`close() at any step between completion and COMMIT, under '${onFault}': rolled back or committed`, async () => {
    const states = new Set<string>()
    for (let steps = 0; steps < STEPS; steps++) {
      const closeSoon = async (): Promise<void> => {
        for (let i = 0; i < steps; i++) await undefined
        await manager[Symbol.asyncDispose]()
      }
      let closing: Promise<void> | undefined
      const receiver = new Completing(() => {
        closing = closeSoon()
      })
      const manager = new CopyManager(new IteratorProducer([['1\n']]), [receiver])
      const error: unknown = await manager.run({ onFault }).catch((error: unknown) => error)
      await closing
      assert.ok(error instanceof CopyAborted, String(error))
      assert.deepEqual(manager.warnings, [], `after ${steps} steps`)
      const [{ name, state } = { name: '', state: 'opening' }] = manager.outcomes
      states.add(state)
      assert.deepEqual(error.committed, state === 'committed' ? [name] : [], `${state} after ${steps} steps`)
    }
    assert.deepEqual([...states], ['aborted', 'rolled-back', 'committed'])
  })
}
