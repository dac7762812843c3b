import { beforeEach } from 'node:test'
import type { Server } from '../../scripts/postgres/server.js'
import { CallReceiver, CopyManager, IteratorProducer, type Producer, WorkerPool } from '../../src/index.js'
import { startFleet } from '../support/fleet.js'
import { assertRows, inTime, intoTable, story, until } from '../support/story.js'

const fleet = await startFleet(1)
const [target] = fleet.targets as [Server]

await target.query('CREATE TABLE t (i int)')
beforeEach(() => target.query('TRUNCATE t'))

const boom = new Error('boom')
const FAILING: Record<string, () => Promise<never>> = {
  throws: () => {
    throw boom
  },
  rejects: async () => {
    throw boom
  },
}

/** A source that a user wrote: one row, then nothing until it is stopped, unless it ends on its own. */
class OwnProducer implements Producer {
  readonly name = 'own'
  readonly canRepeat = false
  readonly abort: () => Promise<void>
  readonly close: () => Promise<void>
  readonly #ends: boolean
  #stop: () => void = () => undefined

  constructor(failing: Partial<Pick<OwnProducer, 'abort' | 'close'>>, ends: boolean) {
    this.abort = async () => this.#stop()
    if (failing.abort !== undefined) {
      const { abort } = failing
      this.abort = () => {
        this.#stop()
        return abort()
      }
    }
    this.close = failing.close ?? (async () => undefined)
    this.#ends = ends
  }

  async produce(stream: Parameters<Producer['produce']>[0]) {
    stream.started()
    await stream.rows([Buffer.from('1\n')])
    if (!this.#ends) {
      await new Promise<void>((resolve) => {
        this.#stop = resolve
      })
    }
    return { rows: 1 }
  }
}

/** How a copy ends, and whether its receivers are done then. */
const ENDS = {
  'close()': (manager: CopyManager) => manager.close(),
  'its signal': (_: CopyManager, controller: AbortController) => controller.abort(),
  'a fault': () => undefined,
  'its end': () => undefined,
} as const

for (const method of ['abort', 'close'] as const) {
  for (const [how, fail] of Object.entries(FAILING)) {
    for (const [by, end] of Object.entries(ENDS)) {
      // nothing is aborted at the end
      if (method === 'abort' && by === 'its end') continue
      story(`a source whose ${method}() ${how} holds nothing when the copy is ended by ${by}`, async () => {
        const pool = new WorkerPool({ threads: 1, idleMs: 0 })
        try {
          const controller = new AbortController()
          let given = 0
          const seen = new CallReceiver(() => {
            given += 1
            if (by === 'a fault') throw new Error('the fault')
          })
          const manager = new CopyManager(
            new OwnProducer({ [method]: fail }, by === 'its end'),
            [intoTable(target, 't'), seen],
            { signal: controller.signal, pool },
          )
          const running = manager.run()
          running.catch(() => undefined)
          await until(() => given > 0, 'a row has come')
          // other tests check the error
          await inTime(Promise.allSettled([end(manager, controller), running]), 'the end of the copy')
          await inTime(Promise.allSettled([manager.close()]), 'close()')
          await fleet.assertNoConnections()
          await assertRows([target], 't', by === 'its end' ? 1 : 0)
          await using next = new CopyManager(new IteratorProducer([['2\n']]), [intoTable(target, 't')], {
            pool,
          })
          await inTime(next.run(), 'the next copy on the pool')
        } finally {
          await pool.close()
        }
      })
    }
  }
}
